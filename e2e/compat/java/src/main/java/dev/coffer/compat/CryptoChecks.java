package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;

import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Map;
import javax.crypto.Cipher;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.model.AlgorithmSpec;
import software.amazon.awssdk.services.kms.model.DataKeySpec;
import software.amazon.awssdk.services.kms.model.ExpirationModelType;
import software.amazon.awssdk.services.kms.model.KeyState;
import software.amazon.awssdk.services.kms.model.OriginType;
import software.amazon.awssdk.services.kms.model.WrappingKeySpec;

/** Symmetric cryptography, and material of one's own. */
final class CryptoChecks {
    static final OAEPParameterSpec OAEP =
            new OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT);

    private final Sdk sdk;

    CryptoChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("Encrypt", "names the key and the algorithm", this::encrypt);
        checks.add("Decrypt", "with context and without naming the key", this::decrypt);
        checks.add("GenerateDataKey", "the blob opens to the plaintext", this::dataKey);
        checks.add("GenerateDataKeyWithoutPlaintext", "the blob opens to as many bytes", this::dataKeyWithout);
        checks.add("ReEncrypt", "to another key and another context", this::reEncrypt);
        checks.add("GenerateRandom", "as many bytes as asked for", this::random);
        checks.add("ImportKeyMaterial", "wrapped by the JCA", this::importMaterial);
    }

    private void encrypt() {
        String key = sdk.newKey();
        SdkBytes bytes = SdkBytes.fromUtf8String("secret");
        var answer = sdk.kms.encrypt(request -> request.keyId(key).plaintext(bytes).encryptionContext(Sdk.CONTEXT));
        equal(answer.keyId() + answer.encryptionAlgorithmAsString(), sdk.describe(key).arn() + "SYMMETRIC_DEFAULT");
    }

    private void decrypt() {
        String key = sdk.newKey();
        SdkBytes blob = sdk.encrypt(key, "secret", Sdk.CONTEXT);
        var answer = sdk.kms.decrypt(request -> request.ciphertextBlob(blob).encryptionContext(Sdk.CONTEXT));
        equal(answer.plaintext().asUtf8String() + answer.keyId(), "secret" + sdk.describe(key).arn());
    }

    private void dataKey() {
        String key = sdk.newKey();
        var made = sdk.kms.generateDataKey(
                request -> request.keyId(key).keySpec(DataKeySpec.AES_256).encryptionContext(Sdk.CONTEXT));
        equal(made.plaintext().asByteArray().length, 32);
        equal(sdk.decrypt(made.ciphertextBlob(), Sdk.CONTEXT), made.plaintext());
    }

    private void dataKeyWithout() {
        String key = sdk.newKey();
        var made = sdk.kms.generateDataKeyWithoutPlaintext(request -> request.keyId(key).numberOfBytes(24));
        equal(sdk.decrypt(made.ciphertextBlob(), Map.of()).asByteArray().length, 24);
    }

    private void reEncrypt() {
        String first = sdk.newKey();
        String second = sdk.newKey();
        SdkBytes blob = sdk.encrypt(first, "moved", Sdk.CONTEXT);
        var moved = sdk.kms.reEncrypt(request -> request.ciphertextBlob(blob).sourceEncryptionContext(Sdk.CONTEXT)
                .destinationKeyId(second).destinationEncryptionContext(Map.of("a", "b")));
        equal(moved.sourceKeyId() + moved.keyId(), sdk.describe(first).arn() + sdk.describe(second).arn());
        equal(sdk.decrypt(moved.ciphertextBlob(), Map.of("a", "b")).asUtf8String(), "moved");
    }

    private void random() {
        equal(sdk.kms.generateRandom(request -> request.numberOfBytes(77)).plaintext().asByteArray().length, 77);
    }

    private void importMaterial() throws Exception {
        String key = sdk.kms.createKey(request -> request.origin(OriginType.EXTERNAL)).keyMetadata().keyId();
        equal(sdk.describe(key).keyState(), KeyState.PENDING_IMPORT);
        importMaterial(sdk, key, new byte[32]);
        equal(sdk.decrypt(sdk.encrypt(key, "x", Map.of()), Map.of()).asUtf8String(), "x");
    }

    static void importMaterial(Sdk sdk, String key, byte[] material) throws Exception {
        var given = sdk.kms.getParametersForImport(request -> request.keyId(key)
                .wrappingKeySpec(WrappingKeySpec.RSA_2048).wrappingAlgorithm(AlgorithmSpec.RSAES_OAEP_SHA_256));
        SdkBytes wrapped = SdkBytes.fromByteArray(seal(rsa(given.publicKey()), material));
        sdk.kms.importKeyMaterial(request -> request.keyId(key).importToken(given.importToken())
                .encryptedKeyMaterial(wrapped).expirationModel(ExpirationModelType.KEY_MATERIAL_DOES_NOT_EXPIRE));
    }

    static PublicKey rsa(SdkBytes encoded) throws Exception {
        return KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(encoded.asByteArray()));
    }

    static byte[] seal(PublicKey key, byte[] plaintext) throws Exception {
        Cipher cipher = Cipher.getInstance("RSA/ECB/OAEPPadding");
        cipher.init(Cipher.ENCRYPT_MODE, key, OAEP);
        return cipher.doFinal(plaintext);
    }
}
