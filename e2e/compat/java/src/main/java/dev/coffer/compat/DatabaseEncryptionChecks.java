package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;
import static dev.coffer.compat.Checks.refused;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.kms.model.DisabledException;
import software.amazon.cryptography.dbencryptionsdk.dynamodb.itemencryptor.DynamoDbItemEncryptor;
import software.amazon.cryptography.dbencryptionsdk.dynamodb.itemencryptor.model.DecryptItemInput;
import software.amazon.cryptography.dbencryptionsdk.dynamodb.itemencryptor.model.DynamoDbItemEncryptorConfig;
import software.amazon.cryptography.dbencryptionsdk.dynamodb.itemencryptor.model.EncryptItemInput;
import software.amazon.cryptography.dbencryptionsdk.structuredencryption.model.CryptoAction;
import software.amazon.cryptography.materialproviders.MaterialProviders;
import software.amazon.cryptography.materialproviders.model.CreateAwsKmsKeyringInput;
import software.amazon.cryptography.materialproviders.model.MaterialProvidersConfig;

/** The AWS Database Encryption SDK for DynamoDB, whose item encryptor needs no database. */
final class DatabaseEncryptionChecks {
    private static final Map<String, AttributeValue> ITEM = Map.of(
            "order", AttributeValue.fromS("4711"), "card", AttributeValue.fromS("4111 1111"),
            "amount", AttributeValue.fromN("42"));

    private final Sdk sdk;

    DatabaseEncryptionChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("GenerateDataKey", "an item is sealed and opened", this::roundTrip);
        checks.add("Decrypt", "a changed item is refused", this::changed);
        checks.add("Decrypt", "another key does not open it", this::otherKey);
        checks.add("GenerateDataKey", "DisabledException", this::disabled);
    }

    private void roundTrip() {
        DynamoDbItemEncryptor encryptor = encryptor(sdk.newKey());
        Map<String, AttributeValue> sealed = encrypt(encryptor);
        equal(sealed.get("order"), ITEM.get("order"));
        equal(sealed.get("card").b() != null && sealed.get("amount").b() != null, true);
        Map<String, AttributeValue> opened = new HashMap<>(decrypt(encryptor, sealed));
        opened.keySet().retainAll(ITEM.keySet());
        equal(opened, ITEM);
    }

    private void changed() throws Exception {
        DynamoDbItemEncryptor encryptor = encryptor(sdk.newKey());
        Map<String, AttributeValue> sealed = new HashMap<>(encrypt(encryptor));
        sealed.put("order", AttributeValue.fromS("4712"));
        refused(RuntimeException.class, () -> decrypt(encryptor, sealed));
    }

    private void otherKey() throws Exception {
        Map<String, AttributeValue> sealed = encrypt(encryptor(sdk.newKey()));
        DynamoDbItemEncryptor other = encryptor(sdk.newKey());
        refused(RuntimeException.class, () -> decrypt(other, sealed));
    }

    private void disabled() throws Exception {
        String key = sdk.disabledKey();
        refused(DisabledException.class, () -> encrypt(encryptor(key)));
    }

    private DynamoDbItemEncryptor encryptor(String key) {
        var providers = MaterialProviders.builder()
                .MaterialProvidersConfig(MaterialProvidersConfig.builder().build()).build();
        var ring = providers.CreateAwsKmsKeyring(CreateAwsKmsKeyringInput.builder()
                .kmsKeyId(sdk.describe(key).arn()).kmsClient(sdk.kms).build());
        Map<String, CryptoAction> actions = Map.of("order", CryptoAction.SIGN_ONLY,
                "card", CryptoAction.ENCRYPT_AND_SIGN, "amount", CryptoAction.ENCRYPT_AND_SIGN);
        return DynamoDbItemEncryptor.builder().DynamoDbItemEncryptorConfig(DynamoDbItemEncryptorConfig.builder()
                .logicalTableName("orders").partitionKeyName("order").attributeActionsOnEncrypt(actions)
                .allowedUnsignedAttributes(List.of("note")).keyring(ring).build()).build();
    }

    private static Map<String, AttributeValue> encrypt(DynamoDbItemEncryptor encryptor) {
        return encryptor.EncryptItem(EncryptItemInput.builder().plaintextItem(ITEM).build()).encryptedItem();
    }

    private static Map<String, AttributeValue> decrypt(
            DynamoDbItemEncryptor encryptor, Map<String, AttributeValue> sealed) {
        return encryptor.DecryptItem(DecryptItemInput.builder().encryptedItem(sealed).build()).plaintextItem();
    }
}
