package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;
import static dev.coffer.compat.Checks.refused;

import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.model.AlgorithmSpec;
import software.amazon.awssdk.services.kms.model.AlreadyExistsException;
import software.amazon.awssdk.services.kms.model.DisabledException;
import software.amazon.awssdk.services.kms.model.IncorrectKeyException;
import software.amazon.awssdk.services.kms.model.InvalidCiphertextException;
import software.amazon.awssdk.services.kms.model.InvalidMarkerException;
import software.amazon.awssdk.services.kms.model.KmsException;
import software.amazon.awssdk.services.kms.model.KmsInvalidStateException;
import software.amazon.awssdk.services.kms.model.NotFoundException;
import software.amazon.awssdk.services.kms.model.TagException;
import software.amazon.awssdk.services.kms.model.UnsupportedOperationException;
import software.amazon.awssdk.services.kms.model.WrappingKeySpec;

/** Each refusal arrives as the type that the SDK has for it. */
final class RefusalChecks {
    private final Sdk sdk;

    RefusalChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("DescribeKey", "NotFoundException",
                () -> refused(NotFoundException.class, () -> sdk.describe(Sdk.UNKNOWN)));
        checks.add("Encrypt", "DisabledException",
                () -> refused(DisabledException.class, () -> sdk.encrypt(sdk.disabledKey(), "x", Map.of())));
        checks.add("CancelKeyDeletion", "KMSInvalidStateException", this::invalidState);
        checks.add("Decrypt", "InvalidCiphertextException", this::invalidCiphertext);
        checks.add("Decrypt", "IncorrectKeyException", this::incorrectKey);
        checks.add("CreateAlias", "AlreadyExistsException", this::alreadyExists);
        checks.add("GenerateRandom", "ValidationException", this::validation);
        checks.add("TagResource", "TagException", this::tag);
        checks.add("ListKeys", "InvalidMarkerException", () -> refused(
                InvalidMarkerException.class, () -> sdk.kms.listKeys(request -> request.marker("never given"))));
        checks.add("GetParametersForImport", "UnsupportedOperationException", this::unsupported);
    }

    private void invalidState() throws Exception {
        String key = sdk.newKey();
        refused(KmsInvalidStateException.class, () -> sdk.kms.cancelKeyDeletion(request -> request.keyId(key)));
    }

    private void invalidCiphertext() throws Exception {
        SdkBytes blob = sdk.encrypt(sdk.newKey(), "x", Sdk.CONTEXT);
        refused(InvalidCiphertextException.class, () -> sdk.decrypt(blob, Map.of("tenant", "red")));
    }

    private void incorrectKey() throws Exception {
        SdkBytes blob = sdk.encrypt(sdk.newKey(), "x", Map.of());
        String other = sdk.newKey();
        refused(IncorrectKeyException.class,
                () -> sdk.kms.decrypt(request -> request.ciphertextBlob(blob).keyId(other)));
    }

    private void alreadyExists() throws Exception {
        String key = sdk.newKey();
        String alias = sdk.newAlias(key);
        refused(AlreadyExistsException.class,
                () -> sdk.kms.createAlias(request -> request.aliasName(alias).targetKeyId(key)));
    }

    /** The model has no such exception, so that it arrives as the general one. */
    private void validation() throws Exception {
        KmsException told =
                refused(KmsException.class, () -> sdk.kms.generateRandom(request -> request.numberOfBytes(1025)));
        equal(told.awsErrorDetails().errorCode(), "ValidationException");
    }

    private void tag() throws Exception {
        String key = sdk.newKey();
        refused(TagException.class,
                () -> sdk.kms.tagResource(request -> request.keyId(key).tags(KeyChecks.tag("aws:team", "x"))));
    }

    private void unsupported() throws Exception {
        String key = sdk.newKey();
        refused(UnsupportedOperationException.class, () -> sdk.kms.getParametersForImport(request -> request.keyId(key)
                .wrappingKeySpec(WrappingKeySpec.RSA_2048).wrappingAlgorithm(AlgorithmSpec.RSAES_OAEP_SHA_256)));
    }
}
