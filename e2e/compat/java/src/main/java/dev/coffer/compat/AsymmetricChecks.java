package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;
import static dev.coffer.compat.Checks.recent;
import static dev.coffer.compat.Checks.refused;

import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.List;
import java.util.Map;
import javax.crypto.KeyAgreement;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.model.DataKeyPairSpec;
import software.amazon.awssdk.services.kms.model.EncryptionAlgorithmSpec;
import software.amazon.awssdk.services.kms.model.InvalidKeyUsageException;
import software.amazon.awssdk.services.kms.model.KeyAgreementAlgorithmSpec;
import software.amazon.awssdk.services.kms.model.KeySpec;
import software.amazon.awssdk.services.kms.model.KeyUsageType;
import software.amazon.awssdk.services.kms.model.KmsInvalidMacException;
import software.amazon.awssdk.services.kms.model.KmsInvalidSignatureException;
import software.amazon.awssdk.services.kms.model.MacAlgorithmSpec;
import software.amazon.awssdk.services.kms.model.SigningAlgorithmSpec;

/** Whatever has a public side is checked with the JCA; for lattices see {@link LatticeChecks}. */
final class AsymmetricChecks {
    private static final SdkBytes MESSAGE = SdkBytes.fromUtf8String("attack at dawn");

    private final Sdk sdk;

    AsymmetricChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("Sign", "RSA PSS, checked by the JCA", this::pss);
        checks.add("Sign", "RSA PKCS #1 v1.5, checked by the JCA", () -> outside(
                KeySpec.RSA_2048, SigningAlgorithmSpec.RSASSA_PKCS1_V1_5_SHA_256, "RSA",
                Signature.getInstance("SHA256withRSA")));
        checks.add("Sign", "ECDSA on P-256, checked by the JCA", () -> outside(
                KeySpec.ECC_NIST_P256, SigningAlgorithmSpec.ECDSA_SHA_256, "EC",
                Signature.getInstance("SHA256withECDSA")));
        checks.add("Sign", "Ed25519, checked by the JCA", () -> outside(
                KeySpec.ECC_NIST_EDWARDS25519, SigningAlgorithmSpec.ED25519_SHA_512, "Ed25519",
                Signature.getInstance("Ed25519")));
        checks.add("Verify", "RSA, P-256, Ed25519 and ML-DSA", this::verify);
        checks.add("GetPublicKey", "names what the key can do", this::getPublicKey);
        checks.add("GenerateMac", "the MAC verifies", this::generateMac);
        checks.add("VerifyMac", "KMSInvalidMacException", this::wrongMac);
        checks.add("Decrypt", "RSA-OAEP, sealed by the JCA", this::decryptOaep);
        checks.add("Encrypt", "RSA-OAEP", this::encryptOaep);
        checks.add("GenerateDataKeyPair", "the halves fit and the private one is sealed", this::dataKeyPair);
        checks.add("GenerateDataKeyPairWithoutPlaintext", "the private key opens", this::dataKeyPairWithout);
        checks.add("DeriveSharedSecret", "the same as the JCA", this::sharedSecret);
        checks.add("GetKeyLastUsage", "tells the last operation", this::lastUsage);
        checks.add("Encrypt", "InvalidKeyUsageException", this::invalidUsage);
        checks.add("Verify", "KMSInvalidSignatureException", this::invalidSignature);
    }

    private void pss() throws Exception {
        Signature verifier = Signature.getInstance("RSASSA-PSS");
        verifier.setParameter(new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1));
        outside(KeySpec.RSA_2048, SigningAlgorithmSpec.RSASSA_PSS_SHA_256, "RSA", verifier);
    }

    private void outside(KeySpec spec, SigningAlgorithmSpec algorithm, String family, Signature verifier)
            throws Exception {
        String key = signingKey(spec);
        check(key, algorithm, publicKey(key, KeyFactory.getInstance(family)), verifier);
    }

    private void check(String key, SigningAlgorithmSpec algorithm, PublicKey known, Signature verifier)
            throws Exception {
        verifier.initVerify(known);
        verifier.update(MESSAGE.asByteArray());
        equal(verifier.verify(sign(key, algorithm).asByteArray()), true);
    }

    private void verify() {
        for (var each : Map.of(
                KeySpec.RSA_2048, SigningAlgorithmSpec.RSASSA_PSS_SHA_256,
                KeySpec.ECC_NIST_P256, SigningAlgorithmSpec.ECDSA_SHA_256,
                KeySpec.ECC_NIST_EDWARDS25519, SigningAlgorithmSpec.ED25519_SHA_512,
                KeySpec.ML_DSA_65, SigningAlgorithmSpec.ML_DSA_SHAKE_256).entrySet()) {
            String key = signingKey(each.getKey());
            SdkBytes signature = sign(key, each.getValue());
            equal(sdk.kms.verify(request -> request.keyId(key).message(MESSAGE).signature(signature)
                    .signingAlgorithm(each.getValue())).signatureValid(), true);
        }
    }

    private void getPublicKey() {
        String key = signingKey(KeySpec.ECC_NIST_P256);
        var answer = sdk.kms.getPublicKey(request -> request.keyId(key));
        equal(answer.signingAlgorithms(), List.of(SigningAlgorithmSpec.ECDSA_SHA_256));
        equal(answer.keySpec(), KeySpec.ECC_NIST_P256);
    }

    private void generateMac() {
        String key = sdk.newKey(KeySpec.HMAC_256, KeyUsageType.GENERATE_VERIFY_MAC);
        equal(verifyMac(key, mac(key)), true);
    }

    private void wrongMac() throws Exception {
        String key = sdk.newKey(KeySpec.HMAC_256, KeyUsageType.GENERATE_VERIFY_MAC);
        byte[] wrong = mac(key).asByteArray();
        wrong[0] ^= 1;
        refused(KmsInvalidMacException.class, () -> verifyMac(key, SdkBytes.fromByteArray(wrong)));
    }

    private void decryptOaep() throws Exception {
        String key = sdk.newKey(KeySpec.RSA_2048, KeyUsageType.ENCRYPT_DECRYPT);
        PublicKey known = publicKey(key, KeyFactory.getInstance("RSA"));
        equal(openOaep(key, SdkBytes.fromByteArray(CryptoChecks.seal(known, MESSAGE.asByteArray()))), MESSAGE);
    }

    private void encryptOaep() {
        String key = sdk.newKey(KeySpec.RSA_2048, KeyUsageType.ENCRYPT_DECRYPT);
        equal(openOaep(key, sdk.kms.encrypt(request -> request.keyId(key).plaintext(MESSAGE)
                .encryptionAlgorithm(EncryptionAlgorithmSpec.RSAES_OAEP_SHA_256)).ciphertextBlob()), MESSAGE);
    }

    private void dataKeyPair() throws Exception {
        String key = sdk.newKey();
        var made = sdk.kms.generateDataKeyPair(request -> request.keyId(key)
                .keyPairSpec(DataKeyPairSpec.ECC_NIST_P256).encryptionContext(Sdk.CONTEXT));
        equal(sdk.decrypt(made.privateKeyCiphertextBlob(), Sdk.CONTEXT), made.privateKeyPlaintext());
        halvesFit("EC", "SHA256withECDSA", made.privateKeyPlaintext(), made.publicKey());
    }

    private void dataKeyPairWithout() throws Exception {
        String key = sdk.newKey();
        var made = sdk.kms.generateDataKeyPairWithoutPlaintext(
                request -> request.keyId(key).keyPairSpec(DataKeyPairSpec.RSA_2048));
        halvesFit("RSA", "SHA256withRSA", sdk.decrypt(made.privateKeyCiphertextBlob(), Map.of()), made.publicKey());
    }

    private static void halvesFit(String family, String algorithm, SdkBytes secret, SdkBytes known) throws Exception {
        KeyFactory factory = KeyFactory.getInstance(family);
        PrivateKey signer = factory.generatePrivate(new PKCS8EncodedKeySpec(secret.asByteArray()));
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(signer);
        signature.update(MESSAGE.asByteArray());
        byte[] made = signature.sign();
        signature.initVerify(factory.generatePublic(new X509EncodedKeySpec(known.asByteArray())));
        signature.update(MESSAGE.asByteArray());
        equal(signature.verify(made), true);
    }

    private void sharedSecret() throws Exception {
        String key = sdk.newKey(KeySpec.ECC_NIST_P256, KeyUsageType.KEY_AGREEMENT);
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair mine = generator.generateKeyPair();
        KeyAgreement agreement = KeyAgreement.getInstance("ECDH");
        agreement.init(mine.getPrivate());
        agreement.doPhase(publicKey(key, KeyFactory.getInstance("EC")), true);
        SdkBytes known = SdkBytes.fromByteArray(mine.getPublic().getEncoded());
        var answer = sdk.kms.deriveSharedSecret(request -> request.keyId(key).publicKey(known)
                .keyAgreementAlgorithm(KeyAgreementAlgorithmSpec.ECDH));
        equal(answer.sharedSecret().asByteArray(), agreement.generateSecret());
    }

    private void lastUsage() {
        String key = sdk.newKey();
        sdk.encrypt(key, "x", Map.of());
        var used = sdk.kms.getKeyLastUsage(request -> request.keyId(key)).keyLastUsage();
        recent(used.timestamp());
        equal(used.operationAsString(), "Encrypt");
    }

    private void invalidUsage() throws Exception {
        String key = signingKey(KeySpec.RSA_2048);
        refused(InvalidKeyUsageException.class, () -> sdk.kms.encrypt(request -> request.keyId(key).plaintext(MESSAGE)
                .encryptionAlgorithm(EncryptionAlgorithmSpec.RSAES_OAEP_SHA_256)));
    }

    private void invalidSignature() throws Exception {
        String key = signingKey(KeySpec.ECC_NIST_P256);
        SdkBytes signature = sign(key, SigningAlgorithmSpec.ECDSA_SHA_256);
        refused(KmsInvalidSignatureException.class, () -> sdk.kms.verify(request -> request.keyId(key)
                .message(SdkBytes.fromUtf8String("another")).signature(signature)
                .signingAlgorithm(SigningAlgorithmSpec.ECDSA_SHA_256)));
    }

    private String signingKey(KeySpec spec) {
        return sdk.newKey(spec, KeyUsageType.SIGN_VERIFY);
    }

    private PublicKey publicKey(String key, KeyFactory factory) throws Exception {
        SdkBytes encoded = sdk.kms.getPublicKey(request -> request.keyId(key)).publicKey();
        return factory.generatePublic(new X509EncodedKeySpec(encoded.asByteArray()));
    }

    private SdkBytes sign(String key, SigningAlgorithmSpec algorithm) {
        return sdk.kms.sign(request -> request.keyId(key).message(MESSAGE).signingAlgorithm(algorithm)).signature();
    }

    private SdkBytes mac(String key) {
        return sdk.kms.generateMac(
                request -> request.keyId(key).message(MESSAGE).macAlgorithm(MacAlgorithmSpec.HMAC_SHA_256)).mac();
    }

    private boolean verifyMac(String key, SdkBytes mac) {
        return sdk.kms.verifyMac(request -> request.keyId(key).message(MESSAGE).mac(mac)
                .macAlgorithm(MacAlgorithmSpec.HMAC_SHA_256)).macValid();
    }

    private SdkBytes openOaep(String key, SdkBytes sealed) {
        return sdk.kms.decrypt(request -> request.keyId(key).ciphertextBlob(sealed)
                .encryptionAlgorithm(EncryptionAlgorithmSpec.RSAES_OAEP_SHA_256)).plaintext();
    }
}
