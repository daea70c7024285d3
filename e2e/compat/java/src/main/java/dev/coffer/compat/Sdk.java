package dev.coffer.compat;

import java.util.Map;
import java.util.UUID;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.KeyMetadata;
import software.amazon.awssdk.services.kms.model.KeySpec;
import software.amazon.awssdk.services.kms.model.KeyUsageType;

/** The client, as its defaults make it, and what all checks do with it. */
final class Sdk {
    static final String UNKNOWN = "01234567-89ab-4def-8123-456789abcdef";
    static final Map<String, String> CONTEXT = Map.of("tenant", "blue", "Zweck", "Prüfung");

    final KmsClient kms = KmsClient.create();

    String newKey() {
        return kms.createKey().keyMetadata().keyId();
    }

    String newKey(KeySpec spec, KeyUsageType usage) {
        return kms.createKey(request -> request.keySpec(spec).keyUsage(usage)).keyMetadata().keyId();
    }

    String disabledKey() {
        String key = newKey();
        kms.disableKey(request -> request.keyId(key));
        return key;
    }

    KeyMetadata describe(String key) {
        return kms.describeKey(request -> request.keyId(key)).keyMetadata();
    }

    String newAlias(String key) {
        String name = "alias/sdk-java-" + UUID.randomUUID();
        kms.createAlias(request -> request.aliasName(name).targetKeyId(key));
        return name;
    }

    SdkBytes encrypt(String key, String plaintext, Map<String, String> context) {
        SdkBytes bytes = SdkBytes.fromUtf8String(plaintext);
        return kms.encrypt(request -> request.keyId(key).plaintext(bytes).encryptionContext(context)).ciphertextBlob();
    }

    SdkBytes decrypt(SdkBytes blob, Map<String, String> context) {
        return kms.decrypt(request -> request.ciphertextBlob(blob).encryptionContext(context)).plaintext();
    }
}
