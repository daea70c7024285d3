package main

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

var (
	message    = []byte("attack at dawn")
	withSha512 = &ed25519.Options{Hash: crypto.SHA512}
)

// Whatever has a public side is checked with Go's own cryptography.
var asymmetric = []check{
	{"Sign", "RSA PSS, checked by crypto/rsa", func() error {
		public, signature := signed(types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPssSha256)
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(public.(*rsa.PublicKey), crypto.SHA256, digest(), signature, options)
	}},
	{"Sign", "RSA PKCS #1 v1.5, checked by crypto/rsa", func() error {
		public, signature := signed(types.KeySpecRsa2048, types.SigningAlgorithmSpecRsassaPkcs1V15Sha256)
		return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, digest(), signature)
	}},
	{"Sign", "ECDSA on P-256, checked by crypto/ecdsa", func() error {
		public, signature := signed(types.KeySpecEccNistP256, types.SigningAlgorithmSpecEcdsaSha256)
		return equal(ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest(), signature), true)
	}},
	{"Sign", "Ed25519, checked by crypto/ed25519", func() error {
		public, signature := signed(types.KeySpecEccNistEdwards25519, types.SigningAlgorithmSpecEd25519Sha512)
		return equal(ed25519.Verify(public.(ed25519.PublicKey), message, signature), true)
	}},
	{"Sign", "Ed25519ph, checked by crypto/ed25519", signPrehashed},
	{"Verify", "RSA, P-256, Ed25519 and ML-DSA", func() error {
		for spec, algorithm := range algorithms {
			key := signingKey(spec)
			if !verified(key, algorithm, sign(key, algorithm)) {
				return fmt.Errorf("%s does not verify", spec)
			}
		}
		return nil
	}},
	{"Verify", "Ed25519ph, signed by crypto/ed25519", verifyPrehashed},
	{"GetPublicKey", "names what the key can do", func() error {
		answer := publicKey(signingKey(types.KeySpecEccNistP256))
		return equal(fmt.Sprint(answer.KeySpec, answer.KeyUsage, answer.SigningAlgorithms),
			"ECC_NIST_P256SIGN_VERIFY[ECDSA_SHA_256]")
	}},
	{"GenerateMac", "the MAC verifies", func() error {
		key, made := mac()
		return equal(must(verifyMac(key, made)).MacValid, true)
	}},
	{"VerifyMac", "KMSInvalidMacException", func() error {
		key, made := mac()
		made[0] ^= 1
		_, err := verifyMac(key, made)
		return refused[*types.KMSInvalidMacException](err)
	}},
	{"Decrypt", "RSA-OAEP, sealed by crypto/rsa", func() error {
		key := keyOf(types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
		public := must(x509.ParsePKIXPublicKey(publicKey(key).PublicKey)).(*rsa.PublicKey)
		sealed := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, message, nil))
		return equal(string(openOaep(key, sealed)), string(message))
	}},
	{"Encrypt", "RSA-OAEP", func() error {
		key := keyOf(types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt)
		answer := must(client.Encrypt(background, &kms.EncryptInput{
			KeyId: key, Plaintext: message, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256,
		}))
		return equal(string(openOaep(key, answer.CiphertextBlob)), string(message))
	}},
	{"GenerateDataKeyPair", "the halves fit and the private one is sealed", dataKeyPair},
	{"GenerateDataKeyPairWithoutPlaintext", "the private key opens", func() error {
		answer := must(client.GenerateDataKeyPairWithoutPlaintext(background, &kms.GenerateDataKeyPairWithoutPlaintextInput{
			KeyId: newKey(), KeyPairSpec: types.DataKeyPairSpecEccNistEdwards25519,
		}))
		opened := must(decrypt(answer.PrivateKeyCiphertextBlob, nil)).Plaintext
		private := must(x509.ParsePKCS8PrivateKey(opened)).(ed25519.PrivateKey)
		public := must(x509.ParsePKIXPublicKey(answer.PublicKey)).(ed25519.PublicKey)
		return equal(public.Equal(private.Public()), true)
	}},
	{"DeriveSharedSecret", "the same as crypto/ecdh", sharedSecret},
	{"Decapsulate", "ML-KEM, encapsulated by crypto/mlkem", decapsulate},
	{"GetKeyLastUsage", "tells the last operation", func() error {
		key := newKey()
		encrypt(key, "x", nil)
		used := must(client.GetKeyLastUsage(background, &kms.GetKeyLastUsageInput{KeyId: key})).KeyLastUsage
		if err := recent(used.Timestamp); err != nil {
			return err
		}
		return equal(used.Operation, types.KeyLastUsageTrackingOperationEncrypt)
	}},
	{"Encrypt", "InvalidKeyUsageException", func() error {
		_, err := client.Encrypt(background, &kms.EncryptInput{
			KeyId: signingKey(types.KeySpecRsa2048), Plaintext: message,
			EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256,
		})
		return refused[*types.InvalidKeyUsageException](err)
	}},
	{"Verify", "KMSInvalidSignatureException", func() error {
		key := signingKey(types.KeySpecEccNistP256)
		signature := sign(key, types.SigningAlgorithmSpecEcdsaSha256)
		_, err := client.Verify(background, &kms.VerifyInput{
			KeyId: key, Message: []byte("another"), Signature: signature,
			SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
		})
		return refused[*types.KMSInvalidSignatureException](err)
	}},
}

var algorithms = map[types.KeySpec]types.SigningAlgorithmSpec{
	types.KeySpecRsa2048:             types.SigningAlgorithmSpecRsassaPssSha256,
	types.KeySpecEccNistP256:         types.SigningAlgorithmSpecEcdsaSha256,
	types.KeySpecEccNistEdwards25519: types.SigningAlgorithmSpecEd25519Sha512,
	types.KeySpecMlDsa65:             types.SigningAlgorithmSpecMlDsaShake256,
}

func keyOf(spec types.KeySpec, usage types.KeyUsageType) *string {
	return create(&kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage}).KeyId
}

func signingKey(spec types.KeySpec) *string { return keyOf(spec, types.KeyUsageTypeSignVerify) }

func digest() []byte {
	sum := sha256.Sum256(message)
	return sum[:]
}

func publicKey(key *string) *kms.GetPublicKeyOutput {
	return must(client.GetPublicKey(background, &kms.GetPublicKeyInput{KeyId: key}))
}

func sign(key *string, algorithm types.SigningAlgorithmSpec) []byte {
	return must(client.Sign(background, &kms.SignInput{
		KeyId: key, Message: message, SigningAlgorithm: algorithm,
	})).Signature
}

func signed(spec types.KeySpec, algorithm types.SigningAlgorithmSpec) (any, []byte) {
	key := signingKey(spec)
	return must(x509.ParsePKIXPublicKey(publicKey(key).PublicKey)), sign(key, algorithm)
}

// The service takes a digest for the message and hashes it once more; Go wants that second hash.
func prehashed() (digest, again []byte) {
	one := sha512.Sum512(message)
	two := sha512.Sum512(one[:])
	return one[:], two[:]
}

func signPrehashed() error {
	key := signingKey(types.KeySpecEccNistEdwards25519)
	digest, again := prehashed()
	answer := must(client.Sign(background, &kms.SignInput{
		KeyId: key, Message: digest, MessageType: types.MessageTypeDigest,
		SigningAlgorithm: types.SigningAlgorithmSpecEd25519PhSha512,
	}))
	public := must(x509.ParsePKIXPublicKey(publicKey(key).PublicKey)).(ed25519.PublicKey)
	if ed25519.Verify(public, digest, answer.Signature) {
		return errors.New("it is a signature that is not prehashed")
	}
	return ed25519.VerifyWithOptions(public, again, answer.Signature, withSha512)
}

func verifyPrehashed() error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key := create(&kms.CreateKeyInput{
		KeySpec: types.KeySpecEccNistEdwards25519, KeyUsage: types.KeyUsageTypeSignVerify,
		Origin: types.OriginTypeExternal,
	}).KeyId
	importMaterial(key, must(x509.MarshalPKCS8PrivateKey(private)))
	digest, again := prehashed()
	input := &kms.VerifyInput{
		KeyId: key, Message: digest, MessageType: types.MessageTypeDigest,
		Signature:        must(private.Sign(rand.Reader, again, withSha512)),
		SigningAlgorithm: types.SigningAlgorithmSpecEd25519PhSha512,
	}
	if !must(client.Verify(background, input)).SignatureValid {
		return errors.New("it does not verify")
	}
	input.Signature = ed25519.Sign(private, digest)
	_, err = client.Verify(background, input)
	return refused[*types.KMSInvalidSignatureException](err)
}

func verified(key *string, algorithm types.SigningAlgorithmSpec, signature []byte) bool {
	return must(client.Verify(background, &kms.VerifyInput{
		KeyId: key, Message: message, Signature: signature, SigningAlgorithm: algorithm,
	})).SignatureValid
}

func mac() (*string, []byte) {
	key := keyOf(types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac)
	return key, must(client.GenerateMac(background, &kms.GenerateMacInput{
		KeyId: key, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256,
	})).Mac
}

func verifyMac(key *string, made []byte) (*kms.VerifyMacOutput, error) {
	return client.VerifyMac(background, &kms.VerifyMacInput{
		KeyId: key, Message: message, Mac: made, MacAlgorithm: types.MacAlgorithmSpecHmacSha256,
	})
}

func openOaep(key *string, sealed []byte) []byte {
	return must(client.Decrypt(background, &kms.DecryptInput{
		KeyId: key, CiphertextBlob: sealed, EncryptionAlgorithm: types.EncryptionAlgorithmSpecRsaesOaepSha256,
	})).Plaintext
}

func dataKeyPair() error {
	answer := must(client.GenerateDataKeyPair(background, &kms.GenerateDataKeyPairInput{
		KeyId: newKey(), KeyPairSpec: types.DataKeyPairSpecEccNistP256, EncryptionContext: tenant,
	}))
	private := must(x509.ParsePKCS8PrivateKey(answer.PrivateKeyPlaintext)).(*ecdsa.PrivateKey)
	public := must(x509.ParsePKIXPublicKey(answer.PublicKey)).(*ecdsa.PublicKey)
	opened := must(decrypt(answer.PrivateKeyCiphertextBlob, tenant)).Plaintext
	return equal(public.Equal(private.Public()) && bytes.Equal(opened, answer.PrivateKeyPlaintext), true)
}

func sharedSecret() error {
	key := keyOf(types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement)
	theirs := must(must(x509.ParsePKIXPublicKey(publicKey(key).PublicKey)).(*ecdsa.PublicKey).ECDH())
	mine := must(ecdh.P256().GenerateKey(rand.Reader))
	answer := must(client.DeriveSharedSecret(background, &kms.DeriveSharedSecretInput{
		KeyId: key, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh,
		PublicKey: must(x509.MarshalPKIXPublicKey(mine.PublicKey())),
	}))
	return equal(bytes.Equal(must(mine.ECDH(theirs)), answer.SharedSecret), true)
}

func decapsulate() error {
	key := keyOf(types.KeySpecMlKem768, types.KeyUsageTypeEncapsulateDecapsulate)
	// Go reads no certificate form of these keys yet: the raw key is what the bit string holds.
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	must(asn1.Unmarshal(publicKey(key).PublicKey, &info))
	secret, blob := must(mlkem.NewEncapsulationKey768(info.Key.Bytes)).Encapsulate()
	answer := must(client.Decapsulate(background, &kms.DecapsulateInput{
		KeyId: key, SharedSecretCiphertextBlob: blob, EncapsulationAlgorithm: types.EncapsulationAlgorithmSpecMlKem,
	}))
	return equal(bytes.Equal(secret, answer.SharedSecret), true)
}
