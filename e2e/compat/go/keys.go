package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var keys = []check{
	{"CreateKey", "description and tags are kept", func() error {
		made := create(&kms.CreateKeyInput{Description: aws.String("orders"), Tags: tags("team", "blue")})
		if err := recent(made.CreationDate); err != nil {
			return err
		}
		found := fmt.Sprint(made.KeyState, made.KeySpec, made.KeyUsage, made.Origin, *made.Description)
		return equal(found, "EnabledSYMMETRIC_DEFAULTENCRYPT_DECRYPTAWS_KMSorders")
	}},
	{"DescribeKey", "by id, ARN and alias", func() error {
		key := newKey()
		for _, name := range []*string{key, describe(key).Arn, newAlias(key)} {
			if err := equal(*describe(name).KeyId, *key); err != nil {
				return err
			}
		}
		return nil
	}},
	{"ListKeys", "the paginator finds every key once", listKeys},
	{"UpdateKeyDescription", "the description changes", func() error {
		key := newKey()
		must(client.UpdateKeyDescription(background, &kms.UpdateKeyDescriptionInput{
			KeyId: key, Description: aws.String("after"),
		}))
		return equal(*describe(key).Description, "after")
	}},
	{"DisableKey", "the key is disabled", func() error {
		found := describe(disabledKey())
		return equal(fmt.Sprint(found.KeyState, found.Enabled), "Disabledfalse")
	}},
	{"EnableKey", "the key works again", func() error {
		key := disabledKey()
		must(client.EnableKey(background, &kms.EnableKeyInput{KeyId: key}))
		return equal(describe(key).KeyState, types.KeyStateEnabled)
	}},
	{"ScheduleKeyDeletion", "the key waits to be deleted", func() error {
		key := newKey()
		answer := must(client.ScheduleKeyDeletion(background, &kms.ScheduleKeyDeletionInput{
			KeyId: key, PendingWindowInDays: aws.Int32(7),
		}))
		if !answer.DeletionDate.Equal(*describe(key).DeletionDate) {
			return fmt.Errorf("two deletion dates")
		}
		return equal(fmt.Sprint(answer.KeyState, *answer.PendingWindowInDays), "PendingDeletion7")
	}},
	{"CancelKeyDeletion", "the key comes back disabled", func() error {
		key := newKey()
		must(client.ScheduleKeyDeletion(background, &kms.ScheduleKeyDeletionInput{KeyId: key}))
		must(client.CancelKeyDeletion(background, &kms.CancelKeyDeletionInput{KeyId: key}))
		return equal(describe(key).KeyState, types.KeyStateDisabled)
	}},
}

func listKeys() error {
	wanted := *newKey()
	pages, seen := kms.NewListKeysPaginator(client, &kms.ListKeysInput{Limit: aws.Int32(5)}), map[string]int{}
	for pages.HasMorePages() {
		page := must(pages.NextPage(background))
		if len(page.Keys) > 5 {
			return fmt.Errorf("a page of %d keys", len(page.Keys))
		}
		for _, entry := range page.Keys {
			seen[*entry.KeyId]++
		}
	}
	return equal(seen[wanted], 1)
}

var aliasesAndTags = []check{
	{"CreateAlias", "the alias names the key", func() error {
		key := newKey()
		return equal(*describe(newAlias(key)).KeyId, *key)
	}},
	{"UpdateAlias", "the alias names the other key", func() error {
		alias, other := newAlias(newKey()), newKey()
		must(client.UpdateAlias(background, &kms.UpdateAliasInput{AliasName: alias, TargetKeyId: other}))
		return equal(*describe(alias).KeyId, *other)
	}},
	{"DeleteAlias", "the alias is gone", func() error {
		alias := newAlias(newKey())
		must(client.DeleteAlias(background, &kms.DeleteAliasInput{AliasName: alias}))
		_, err := client.DescribeKey(background, &kms.DescribeKeyInput{KeyId: alias})
		return refused[*types.NotFoundException](err)
	}},
	{"ListAliases", "the paginator finds those of a key", func() error {
		key, found := newKey(), ""
		wanted := fmt.Sprint(*newAlias(key), *newAlias(key), *newAlias(key))
		pages := kms.NewListAliasesPaginator(client, &kms.ListAliasesInput{KeyId: key, Limit: aws.Int32(2)})
		for pages.HasMorePages() {
			for _, entry := range must(pages.NextPage(background)).Aliases {
				found += *entry.AliasName
			}
		}
		return equal(found, wanted)
	}},
	{"TagResource", "tags are set and replaced", func() error {
		key := create(&kms.CreateKeyInput{Tags: tags("a", "1")}).KeyId
		must(client.TagResource(background, &kms.TagResourceInput{KeyId: key, Tags: tags("a", "2", "b", "")}))
		return equal(tagsOf(key), fmt.Sprint(map[string]string{"a": "2", "b": ""}))
	}},
	{"UntagResource", "one tag goes, the other stays", func() error {
		key := create(&kms.CreateKeyInput{Tags: tags("a", "1", "b", "2")}).KeyId
		must(client.UntagResource(background, &kms.UntagResourceInput{KeyId: key, TagKeys: []string{"a"}}))
		return equal(tagsOf(key), fmt.Sprint(map[string]string{"b": "2"}))
	}},
	{"ListResourceTags", "the paginator finds every tag", func() error {
		key := create(&kms.CreateKeyInput{Tags: tags("a", "1", "b", "2", "c", "3")}).KeyId
		return equal(tagsOf(key), fmt.Sprint(map[string]string{"a": "1", "b": "2", "c": "3"}))
	}},
}

var rotation = []check{
	{"EnableKeyRotation", "with a period of one's own", func() error {
		key := newKey()
		must(client.EnableKeyRotation(background, &kms.EnableKeyRotationInput{
			KeyId: key, RotationPeriodInDays: aws.Int32(90),
		}))
		return equal(*rotationOf(key).RotationPeriodInDays, 90)
	}},
	{"GetKeyRotationStatus", "before and after", func() error {
		key := newKey()
		before := rotationOf(key).KeyRotationEnabled
		must(client.EnableKeyRotation(background, &kms.EnableKeyRotationInput{KeyId: key}))
		after := rotationOf(key)
		if after.NextRotationDate == nil {
			return fmt.Errorf("no next rotation")
		}
		return equal(fmt.Sprint(before, after.KeyRotationEnabled), "false true")
	}},
	{"DisableKeyRotation", "rotation ends", func() error {
		key := newKey()
		must(client.EnableKeyRotation(background, &kms.EnableKeyRotationInput{KeyId: key}))
		must(client.DisableKeyRotation(background, &kms.DisableKeyRotationInput{KeyId: key}))
		return equal(rotationOf(key).KeyRotationEnabled, false)
	}},
	{"RotateKeyOnDemand", "old ciphertexts still open", func() error {
		key := newKey()
		blob := encrypt(key, "old", nil)
		must(client.RotateKeyOnDemand(background, &kms.RotateKeyOnDemandInput{KeyId: key}))
		return equal(string(must(decrypt(blob, nil)).Plaintext), "old")
	}},
	{"ListKeyRotations", "the paginator finds each rotation", func() error {
		key, found := newKey(), 0
		for range 3 {
			must(client.RotateKeyOnDemand(background, &kms.RotateKeyOnDemandInput{KeyId: key}))
		}
		pages := kms.NewListKeyRotationsPaginator(client, &kms.ListKeyRotationsInput{KeyId: key, Limit: aws.Int32(2)})
		for pages.HasMorePages() {
			for _, one := range must(pages.NextPage(background)).Rotations {
				if err := recent(one.RotationDate); err != nil || one.RotationType != types.RotationTypeOnDemand {
					return fmt.Errorf("%v %v", one.RotationType, err)
				}
				found++
			}
		}
		return equal(found, 3)
	}},
}

func rotationOf(key *string) *kms.GetKeyRotationStatusOutput {
	return must(client.GetKeyRotationStatus(background, &kms.GetKeyRotationStatusInput{KeyId: key}))
}

// Tags of names and values in turn.
func tags(words ...string) []types.Tag {
	var made []types.Tag
	for index := 0; index+1 < len(words); index += 2 {
		made = append(made, types.Tag{TagKey: &words[index], TagValue: &words[index+1]})
	}
	return made
}

func tagsOf(key *string) string {
	found := map[string]string{}
	pages := kms.NewListResourceTagsPaginator(client, &kms.ListResourceTagsInput{KeyId: key, Limit: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, tag := range must(pages.NextPage(background)).Tags {
			found[*tag.TagKey] = *tag.TagValue
		}
	}
	return fmt.Sprint(found)
}
