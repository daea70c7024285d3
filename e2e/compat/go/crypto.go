package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var cryptography = []check{
	{"Encrypt", "names the key and the algorithm", func() error {
		key := newKey()
		answer := must(client.Encrypt(background, &kms.EncryptInput{
			KeyId: key, Plaintext: []byte("secret"), EncryptionContext: tenant,
		}))
		return equal(fmt.Sprint(*answer.KeyId, answer.EncryptionAlgorithm), *describe(key).Arn+"SYMMETRIC_DEFAULT")
	}},
	{"Decrypt", "with context and without naming the key", func() error {
		key := newKey()
		opened := must(decrypt(encrypt(key, "secret", tenant), tenant))
		return equal(string(opened.Plaintext)+*opened.KeyId, "secret"+*describe(key).Arn)
	}},
	{"GenerateDataKey", "the blob opens to the plaintext", func() error {
		made := must(client.GenerateDataKey(background, &kms.GenerateDataKeyInput{
			KeyId: newKey(), KeySpec: types.DataKeySpecAes256, EncryptionContext: tenant,
		}))
		opened := must(decrypt(made.CiphertextBlob, tenant)).Plaintext
		return equal(len(opened) == 32 && bytes.Equal(opened, made.Plaintext), true)
	}},
	{"GenerateDataKeyWithoutPlaintext", "the blob opens to as many bytes", func() error {
		made := must(client.GenerateDataKeyWithoutPlaintext(background, &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: newKey(), NumberOfBytes: aws.Int32(24),
		}))
		return equal(len(must(decrypt(made.CiphertextBlob, nil)).Plaintext), 24)
	}},
	{"ReEncrypt", "to another key and another context", func() error {
		first, second, other := newKey(), newKey(), map[string]string{"a": "b"}
		moved := must(client.ReEncrypt(background, &kms.ReEncryptInput{
			CiphertextBlob: encrypt(first, "moved", tenant), SourceEncryptionContext: tenant,
			DestinationKeyId: second, DestinationEncryptionContext: other,
		}))
		if err := equal(*moved.SourceKeyId+*moved.KeyId, *describe(first).Arn+*describe(second).Arn); err != nil {
			return err
		}
		return equal(string(must(decrypt(moved.CiphertextBlob, other)).Plaintext), "moved")
	}},
	{"GenerateRandom", "as many bytes as asked for", func() error {
		answer := must(client.GenerateRandom(background, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(77)}))
		return equal(len(answer.Plaintext), 77)
	}},
	{"ImportKeyMaterial", "wrapped by crypto/rsa", func() error {
		key := create(&kms.CreateKeyInput{Origin: types.OriginTypeExternal}).KeyId
		importMaterial(key, bytes.Repeat([]byte{7}, 32))
		return equal(string(must(decrypt(encrypt(key, "x", nil), nil)).Plaintext), "x")
	}},
	{"DeleteImportedKeyMaterial", "the key waits for its material", func() error {
		key := create(&kms.CreateKeyInput{Origin: types.OriginTypeExternal}).KeyId
		importMaterial(key, bytes.Repeat([]byte{7}, 32))
		must(client.DeleteImportedKeyMaterial(background, &kms.DeleteImportedKeyMaterialInput{KeyId: key}))
		return equal(describe(key).KeyState, types.KeyStatePendingImport)
	}},
}

func encrypt(key *string, plaintext string, context map[string]string) []byte {
	return must(client.Encrypt(background, &kms.EncryptInput{
		KeyId: key, Plaintext: []byte(plaintext), EncryptionContext: context,
	})).CiphertextBlob
}

func decrypt(blob []byte, context map[string]string) (*kms.DecryptOutput, error) {
	return client.Decrypt(background, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: context})
}

func importMaterial(key *string, material []byte) {
	given := must(client.GetParametersForImport(background, &kms.GetParametersForImportInput{
		KeyId: key, WrappingKeySpec: types.WrappingKeySpecRsa3072, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha256,
	}))
	public := must(x509.ParsePKIXPublicKey(given.PublicKey)).(*rsa.PublicKey)
	must(client.ImportKeyMaterial(background, &kms.ImportKeyMaterialInput{
		KeyId: key, ImportToken: given.ImportToken, ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
		EncryptedKeyMaterial: must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, material, nil)),
	}))
}
