package main

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Each arrives as the type that the SDK has for it.
var refusals = []check{
	{"DescribeKey", "NotFoundException", func() error {
		_, err := client.DescribeKey(background, &kms.DescribeKeyInput{KeyId: &unknown})
		return refused[*types.NotFoundException](err)
	}},
	{"Encrypt", "DisabledException", func() error {
		_, err := client.Encrypt(background, &kms.EncryptInput{KeyId: disabledKey(), Plaintext: []byte("x")})
		return refused[*types.DisabledException](err)
	}},
	{"CancelKeyDeletion", "KMSInvalidStateException", func() error {
		_, err := client.CancelKeyDeletion(background, &kms.CancelKeyDeletionInput{KeyId: newKey()})
		return refused[*types.KMSInvalidStateException](err)
	}},
	{"Decrypt", "InvalidCiphertextException", func() error {
		_, err := decrypt(encrypt(newKey(), "x", tenant), map[string]string{"tenant": "red"})
		return refused[*types.InvalidCiphertextException](err)
	}},
	{"Decrypt", "IncorrectKeyException", func() error {
		_, err := client.Decrypt(background, &kms.DecryptInput{
			CiphertextBlob: encrypt(newKey(), "x", nil), KeyId: newKey(),
		})
		return refused[*types.IncorrectKeyException](err)
	}},
	{"CreateAlias", "AlreadyExistsException", func() error {
		key := newKey()
		_, err := client.CreateAlias(background, &kms.CreateAliasInput{AliasName: newAlias(key), TargetKeyId: key})
		return refused[*types.AlreadyExistsException](err)
	}},
	{"GenerateRandom", "ValidationException", func() error {
		_, err := client.GenerateRandom(background, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1025)})
		return refusedWith("ValidationException", err)
	}},
	{"TagResource", "TagException", func() error {
		_, err := client.TagResource(background, &kms.TagResourceInput{KeyId: newKey(), Tags: tags("aws:team", "x")})
		return refused[*types.TagException](err)
	}},
	{"ListKeys", "InvalidMarkerException", func() error {
		_, err := client.ListKeys(background, &kms.ListKeysInput{Marker: aws.String("never given")})
		return refused[*types.InvalidMarkerException](err)
	}},
	{"GetParametersForImport", "UnsupportedOperationException", func() error {
		_, err := client.GetParametersForImport(background, &kms.GetParametersForImportInput{
			KeyId: newKey(), WrappingKeySpec: types.WrappingKeySpecRsa2048,
			WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256,
		})
		return refused[*types.UnsupportedOperationException](err)
	}},
}
