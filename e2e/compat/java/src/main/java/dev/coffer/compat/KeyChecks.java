package dev.coffer.compat;

import static dev.coffer.compat.Checks.equal;
import static dev.coffer.compat.Checks.recent;
import static dev.coffer.compat.Checks.refused;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import software.amazon.awssdk.services.kms.model.AliasListEntry;
import software.amazon.awssdk.services.kms.model.KeyListEntry;
import software.amazon.awssdk.services.kms.model.KeyMetadata;
import software.amazon.awssdk.services.kms.model.KeyState;
import software.amazon.awssdk.services.kms.model.NotFoundException;
import software.amazon.awssdk.services.kms.model.RotationType;
import software.amazon.awssdk.services.kms.model.RotationsListEntry;
import software.amazon.awssdk.services.kms.model.Tag;

/** Keys, aliases, tags, rotation and deletion. */
final class KeyChecks {
    private final Sdk sdk;

    KeyChecks(Sdk sdk) {
        this.sdk = sdk;
    }

    void addTo(Checks checks) {
        checks.add("CreateKey", "description and tags are kept", this::createKey);
        checks.add("DescribeKey", "by id, ARN and alias", this::describeKey);
        checks.add("ListKeys", "the paginator finds every key once", this::listKeys);
        checks.add("UpdateKeyDescription", "the description changes", this::updateDescription);
        checks.add("DisableKey", "the key is disabled", this::disableKey);
        checks.add("EnableKey", "the key works again", this::enableKey);
        checks.add("ScheduleKeyDeletion", "the key waits to be deleted", this::scheduleDeletion);
        checks.add("CancelKeyDeletion", "the key comes back disabled", this::cancelDeletion);
        checks.add("CreateAlias", "the alias names the key", this::createAlias);
        checks.add("UpdateAlias", "the alias names the other key", this::updateAlias);
        checks.add("DeleteAlias", "the alias is gone", this::deleteAlias);
        checks.add("ListAliases", "the paginator finds those of a key", this::listAliases);
        checks.add("TagResource", "tags are set and replaced", this::tagResource);
        checks.add("UntagResource", "one tag goes, the other stays", this::untagResource);
        checks.add("ListResourceTags", "the paginator finds every tag", this::listTags);
        checks.add("EnableKeyRotation", "with a period of one's own", this::enableRotation);
        checks.add("GetKeyRotationStatus", "before and after", this::rotationStatus);
        checks.add("DisableKeyRotation", "rotation ends", this::disableRotation);
        checks.add("RotateKeyOnDemand", "old ciphertexts still open", this::rotateOnDemand);
        checks.add("ListKeyRotations", "the paginator finds each rotation", this::listRotations);
    }

    private void createKey() {
        KeyMetadata made = sdk.kms.createKey(request -> request.description("orders").tags(tag("team", "blue")))
                .keyMetadata();
        recent(made.creationDate());
        equal(List.of(made.keyState(), made.enabled(), made.description()), List.of(KeyState.ENABLED, true, "orders"));
        equal(made.keySpecAsString() + made.keyUsageAsString(), "SYMMETRIC_DEFAULTENCRYPT_DECRYPT");
    }

    private void describeKey() {
        String key = sdk.newKey();
        for (String name : List.of(key, sdk.describe(key).arn(), sdk.newAlias(key))) {
            equal(sdk.describe(name).keyId(), key);
        }
    }

    private void listKeys() {
        String key = sdk.newKey();
        List<String> found = sdk.kms.listKeysPaginator(request -> request.limit(5)).keys().stream()
                .map(KeyListEntry::keyId).toList();
        equal(found.stream().filter(key::equals).count(), 1L);
        equal(found.stream().distinct().count(), (long) found.size());
    }

    private void updateDescription() {
        String key = sdk.newKey();
        sdk.kms.updateKeyDescription(request -> request.keyId(key).description("after"));
        equal(sdk.describe(key).description(), "after");
    }

    private void disableKey() {
        KeyMetadata found = sdk.describe(sdk.disabledKey());
        equal(List.of(found.keyState(), found.enabled()), List.of(KeyState.DISABLED, false));
    }

    private void enableKey() {
        String key = sdk.disabledKey();
        sdk.kms.enableKey(request -> request.keyId(key));
        sdk.encrypt(key, "x", Map.of());
    }

    private void scheduleDeletion() {
        String key = sdk.newKey();
        var answer = sdk.kms.scheduleKeyDeletion(request -> request.keyId(key).pendingWindowInDays(7));
        equal(List.of(answer.keyState(), answer.pendingWindowInDays()), List.of(KeyState.PENDING_DELETION, 7));
        equal(sdk.describe(key).deletionDate(), answer.deletionDate());
    }

    private void cancelDeletion() {
        String key = sdk.newKey();
        sdk.kms.scheduleKeyDeletion(request -> request.keyId(key));
        sdk.kms.cancelKeyDeletion(request -> request.keyId(key));
        equal(sdk.describe(key).keyState(), KeyState.DISABLED);
    }

    private void createAlias() {
        String key = sdk.newKey();
        equal(sdk.describe(sdk.newAlias(key)).keyId(), key);
    }

    private void updateAlias() {
        String alias = sdk.newAlias(sdk.newKey());
        String other = sdk.newKey();
        sdk.kms.updateAlias(request -> request.aliasName(alias).targetKeyId(other));
        equal(sdk.describe(alias).keyId(), other);
    }

    private void deleteAlias() throws Exception {
        String alias = sdk.newAlias(sdk.newKey());
        sdk.kms.deleteAlias(request -> request.aliasName(alias));
        refused(NotFoundException.class, () -> sdk.describe(alias));
    }

    private void listAliases() {
        String key = sdk.newKey();
        List<String> wanted = List.of(sdk.newAlias(key), sdk.newAlias(key), sdk.newAlias(key));
        List<String> found = sdk.kms.listAliasesPaginator(request -> request.keyId(key).limit(2)).aliases().stream()
                .map(AliasListEntry::aliasName).toList();
        equal(found.stream().sorted().toList(), wanted.stream().sorted().toList());
    }

    private void tagResource() {
        String key = sdk.newKey();
        sdk.kms.tagResource(request -> request.keyId(key).tags(tag("a", "1"), tag("b", "")));
        sdk.kms.tagResource(request -> request.keyId(key).tags(tag("a", "2")));
        equal(tagsOf(key), Map.of("a", "2", "b", ""));
    }

    private void untagResource() {
        String key = sdk.newKey();
        sdk.kms.tagResource(request -> request.keyId(key).tags(tag("a", "1"), tag("b", "2")));
        sdk.kms.untagResource(request -> request.keyId(key).tagKeys("a"));
        equal(tagsOf(key), Map.of("b", "2"));
    }

    private void listTags() {
        Tag[] tags = {tag("a", "1"), tag("b", "2"), tag("c", "3")};
        String key = sdk.kms.createKey(request -> request.tags(tags)).keyMetadata().keyId();
        equal(tagsOf(key), Map.of("a", "1", "b", "2", "c", "3"));
    }

    private void enableRotation() {
        String key = sdk.newKey();
        sdk.kms.enableKeyRotation(request -> request.keyId(key).rotationPeriodInDays(90));
        equal(sdk.kms.getKeyRotationStatus(request -> request.keyId(key)).rotationPeriodInDays(), 90);
    }

    private void rotationStatus() {
        String key = sdk.newKey();
        equal(sdk.kms.getKeyRotationStatus(request -> request.keyId(key)).keyRotationEnabled(), false);
        sdk.kms.enableKeyRotation(request -> request.keyId(key));
        var status = sdk.kms.getKeyRotationStatus(request -> request.keyId(key));
        equal(status.keyRotationEnabled() && status.nextRotationDate() != null, true);
    }

    private void disableRotation() {
        String key = sdk.newKey();
        sdk.kms.enableKeyRotation(request -> request.keyId(key));
        sdk.kms.disableKeyRotation(request -> request.keyId(key));
        equal(sdk.kms.getKeyRotationStatus(request -> request.keyId(key)).keyRotationEnabled(), false);
    }

    private void rotateOnDemand() {
        String key = sdk.newKey();
        var blob = sdk.encrypt(key, "old", Map.of());
        sdk.kms.rotateKeyOnDemand(request -> request.keyId(key));
        equal(sdk.decrypt(blob, Map.of()).asUtf8String(), "old");
    }

    private void listRotations() {
        String key = sdk.newKey();
        for (int count = 0; count < 3; count++) {
            sdk.kms.rotateKeyOnDemand(request -> request.keyId(key));
        }
        List<RotationsListEntry> found = sdk.kms.listKeyRotationsPaginator(request -> request.keyId(key).limit(2))
                .rotations().stream().toList();
        equal(found.stream().filter(one -> one.rotationType() == RotationType.ON_DEMAND).count(), 3L);
        found.forEach(one -> recent(one.rotationDate()));
    }

    static Tag tag(String name, String value) {
        return Tag.builder().tagKey(name).tagValue(value).build();
    }

    private Map<String, String> tagsOf(String key) {
        return sdk.kms.listResourceTagsPaginator(request -> request.keyId(key).limit(1)).tags().stream()
                .collect(Collectors.toMap(Tag::tagKey, Tag::tagValue));
    }
}
