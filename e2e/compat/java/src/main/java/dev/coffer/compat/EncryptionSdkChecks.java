package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;
import static dev.coffer.compat.Checks.refused;

import com.amazonaws.encryptionsdk.AwsCrypto;
import com.amazonaws.encryptionsdk.CommitmentPolicy;
import com.amazonaws.encryptionsdk.exception.AwsCryptoException;
import com.amazonaws.encryptionsdk.kmssdkv2.KmsMasterKeyProvider;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.services.kms.model.DisabledException;
import software.amazon.awssdk.services.kms.model.NotFoundException;
import software.amazon.cryptography.materialproviders.IKeyring;
import software.amazon.cryptography.materialproviders.MaterialProviders;
import software.amazon.cryptography.materialproviders.model.CreateAwsKmsKeyringInput;
import software.amazon.cryptography.materialproviders.model.CreateMultiKeyringInput;
import software.amazon.cryptography.materialproviders.model.MaterialProvidersConfig;

/** The AWS Encryption SDK for Java. */
final class EncryptionSdkChecks {
    private static final byte[] PLAINTEXT = "attack at dawn".repeat(1000).getBytes(StandardCharsets.UTF_8);
    private static final Map<String, String> CONTEXT = Map.of("tenant", "blue", "purpose", "test");

    private final Sdk sdk;
    private final AwsCrypto crypto = AwsCrypto.builder()
            .withCommitmentPolicy(CommitmentPolicy.RequireEncryptRequireDecrypt).build();
    private final MaterialProviders providers = MaterialProviders.builder()
            .MaterialProvidersConfig(MaterialProvidersConfig.builder().build()).build();

    EncryptionSdkChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("GenerateDataKey", "a keyring seals a message", this::keyring);
        checks.add("Encrypt", "a multi-keyring seals for a second key, which opens alone", this::multiKeyring);
        checks.add("Decrypt", "a master key provider opens what it sealed", this::masterKeyProvider);
        checks.add("Decrypt", "another key does not open it", this::otherKey);
        checks.add("Decrypt", "a changed message is refused", this::changed);
        checks.add("GenerateDataKey", "NotFoundException", this::notFound);
        checks.add("GenerateDataKey", "DisabledException", this::disabled);
    }

    private void keyring() {
        IKeyring ring = ring(arn());
        equal(decrypt(ring, encrypt(ring)), PLAINTEXT);
    }

    private void multiKeyring() {
        IKeyring second = ring(arn());
        IKeyring both = providers.CreateMultiKeyring(CreateMultiKeyringInput.builder()
                .generator(ring(arn())).childKeyrings(List.of(second)).build());
        equal(decrypt(second, encrypt(both)), PLAINTEXT);
    }

    private void masterKeyProvider() {
        KmsMasterKeyProvider provider = KmsMasterKeyProvider.builder()
                .customRegionalClientSupplier(region -> sdk.kms).buildStrict(arn(), arn());
        byte[] sealed = crypto.encryptData(provider, PLAINTEXT, CONTEXT).getResult();
        var opened = crypto.decryptData(provider, sealed);
        equal(opened.getResult(), PLAINTEXT);
        equal(opened.getEncryptionContext().get("tenant"), "blue");
    }

    private void otherKey() throws Exception {
        byte[] sealed = encrypt(ring(arn()));
        IKeyring other = ring(arn());
        refused(RuntimeException.class, () -> decrypt(other, sealed));
    }

    private void changed() throws Exception {
        IKeyring ring = ring(arn());
        byte[] sealed = encrypt(ring);
        sealed[sealed.length - 200] ^= 1;
        refused(AwsCryptoException.class, () -> decrypt(ring, sealed));
    }

    private void notFound() throws Exception {
        String key = arn().replaceAll("[^/]*$", Sdk.UNKNOWN);
        refused(NotFoundException.class, () -> encrypt(ring(key)));
    }

    private void disabled() throws Exception {
        String key = sdk.describe(sdk.disabledKey()).arn();
        refused(DisabledException.class, () -> encrypt(ring(key)));
    }

    private String arn() {
        return sdk.describe(sdk.newKey()).arn();
    }

    private IKeyring ring(String key) {
        return providers.CreateAwsKmsKeyring(CreateAwsKmsKeyringInput.builder()
                .kmsKeyId(key).kmsClient(sdk.kms).build());
    }

    private byte[] encrypt(IKeyring ring) {
        return crypto.encryptData(ring, PLAINTEXT, CONTEXT).getResult();
    }

    private byte[] decrypt(IKeyring ring, byte[] sealed) {
        return crypto.decryptData(ring, sealed, CONTEXT).getResult();
    }
}
