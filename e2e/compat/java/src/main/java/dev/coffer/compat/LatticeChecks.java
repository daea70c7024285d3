package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;

import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.List;
import java.util.Map;
import javax.crypto.KeyGenerator;
import org.bouncycastle.jcajce.SecretKeyWithEncapsulation;
import org.bouncycastle.jcajce.interfaces.MLKEMPrivateKey;
import org.bouncycastle.jcajce.spec.KEMExtractSpec;
import org.bouncycastle.jcajce.spec.KEMGenerateSpec;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.model.DataKeyPairSpec;
import software.amazon.awssdk.services.kms.model.EncapsulationAlgorithmSpec;
import software.amazon.awssdk.services.kms.model.KeySpec;
import software.amazon.awssdk.services.kms.model.KeyUsageType;
import software.amazon.awssdk.services.kms.model.OriginType;
import software.amazon.awssdk.services.kms.model.SigningAlgorithmSpec;

/** ML-DSA and ML-KEM, checked with Bouncy Castle, which has every size of them. */
final class LatticeChecks {
    private static final BouncyCastleProvider PROVIDER = new BouncyCastleProvider();
    private static final SdkBytes MESSAGE = SdkBytes.fromUtf8String("attack at dawn");
    private static final List<KeySpec> ML_DSA = List.of(KeySpec.ML_DSA_44, KeySpec.ML_DSA_65, KeySpec.ML_DSA_87);
    private static final List<KeySpec> ML_KEM = List.of(KeySpec.ML_KEM_512, KeySpec.ML_KEM_768, KeySpec.ML_KEM_1024);

    private final Sdk sdk;

    LatticeChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("Sign", "ML-DSA of each size, checked by Bouncy Castle", this::sign);
        checks.add("Encapsulate", "ML-KEM of each size, opened by Bouncy Castle", this::encapsulate);
        checks.add("Decapsulate", "ML-KEM of each size, encapsulated by Bouncy Castle", this::decapsulate);
        checks.add("GenerateDataKeyPair", "ML-KEM of each size, read by Bouncy Castle", this::dataKeyPair);
    }

    private void sign() throws Exception {
        for (KeySpec spec : ML_DSA) {
            String key = sdk.newKey(spec, KeyUsageType.SIGN_VERIFY);
            Signature verifier = Signature.getInstance("ML-DSA", PROVIDER);
            verifier.initVerify(read("ML-DSA", sdk.kms.getPublicKey(request -> request.keyId(key)).publicKey()));
            verifier.update(MESSAGE.asByteArray());
            SdkBytes signature = sdk.kms.sign(request -> request.keyId(key).message(MESSAGE)
                    .signingAlgorithm(SigningAlgorithmSpec.ML_DSA_SHAKE_256)).signature();
            equal(verifier.verify(signature.asByteArray()), true);
        }
    }

    private void encapsulate() throws Exception {
        for (KeySpec spec : ML_KEM) {
            KeyPair mine = KeyPairGenerator.getInstance(spec.toString().replace('_', '-'), PROVIDER).generateKeyPair();
            String key = sdk.kms.createKey(request -> request.keySpec(spec).origin(OriginType.EXTERNAL)
                    .keyUsage(KeyUsageType.ENCAPSULATE_DECAPSULATE)).keyMetadata().keyId();
            CryptoChecks.importMaterial(sdk, key, seedOf(mine.getPrivate()));
            equal(publicKey(key), SdkBytes.fromByteArray(mine.getPublic().getEncoded()));
            var made = sdk.kms.encapsulate(
                    request -> request.keyId(key).encapsulationAlgorithm(EncapsulationAlgorithmSpec.ML_KEM));
            equal(open(mine.getPrivate(), made.sharedSecretCiphertextBlob().asByteArray()),
                    made.sharedSecret().asByteArray());
            equal(opened(key, made.sharedSecretCiphertextBlob()), made.sharedSecret());
        }
    }

    private void decapsulate() throws Exception {
        for (KeySpec spec : ML_KEM) {
            String key = sdk.newKey(spec, KeyUsageType.ENCAPSULATE_DECAPSULATE);
            SecretKeyWithEncapsulation made = seal(read("ML-KEM", publicKey(key)));
            equal(opened(key, SdkBytes.fromByteArray(made.getEncapsulation())).asByteArray(), made.getEncoded());
        }
    }

    private void dataKeyPair() throws Exception {
        String key = sdk.newKey();
        for (KeySpec spec : ML_KEM) {
            var made = sdk.kms.generateDataKeyPair(
                    request -> request.keyId(key).keyPairSpec(DataKeyPairSpec.fromValue(spec.toString())));
            equal(sdk.decrypt(made.privateKeyCiphertextBlob(), Map.of()), made.privateKeyPlaintext());
            byte[] encoded = made.privateKeyPlaintext().asByteArray();
            PrivateKey secret =
                    KeyFactory.getInstance("ML-KEM", PROVIDER).generatePrivate(new PKCS8EncodedKeySpec(encoded));
            equal(seedOf(secret), encoded);
            SecretKeyWithEncapsulation sealed = seal(read("ML-KEM", made.publicKey()));
            equal(open(secret, sealed.getEncapsulation()), sealed.getEncoded());
        }
    }

    private SdkBytes publicKey(String key) {
        return sdk.kms.getPublicKey(request -> request.keyId(key)).publicKey();
    }

    private SdkBytes opened(String key, SdkBytes blob) {
        return sdk.kms.decapsulate(request -> request.keyId(key).sharedSecretCiphertextBlob(blob)
                .encapsulationAlgorithm(EncapsulationAlgorithmSpec.ML_KEM)).sharedSecret();
    }

    private static PublicKey read(String family, SdkBytes encoded) throws Exception {
        return KeyFactory.getInstance(family, PROVIDER).generatePublic(new X509EncodedKeySpec(encoded.asByteArray()));
    }

    /** PKCS #8 that holds the seed alone. */
    private static byte[] seedOf(PrivateKey key) {
        return ((MLKEMPrivateKey) key).getPrivateKey(true).getEncoded();
    }

    private static SecretKeyWithEncapsulation seal(PublicKey key) throws Exception {
        KeyGenerator generator = KeyGenerator.getInstance("ML-KEM", PROVIDER);
        generator.init(new KEMGenerateSpec.Builder(key, "AES", 256).withNoKdf().build());
        return (SecretKeyWithEncapsulation) generator.generateKey();
    }

    private static byte[] open(PrivateKey key, byte[] encapsulation) throws Exception {
        KeyGenerator generator = KeyGenerator.getInstance("ML-KEM", PROVIDER);
        generator.init(new KEMExtractSpec.Builder(key, encapsulation, "AES", 256).withNoKdf().build());
        return generator.generateKey().getEncoded();
    }
}
