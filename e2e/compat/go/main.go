// The AWS SDK for Go v2, with everything as its defaults make it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

var (
	background = context.Background()
	client     *kms.Client
	unknown    = "01234567-89ab-4def-8123-456789abcdef"
	tenant     = map[string]string{"tenant": "blue", "Zweck": "Prüfung"}
)

type check struct {
	operation, name string
	run             func() error
}

func main() {
	settings, err := config.LoadDefaultConfig(background)
	if err != nil {
		log.Fatal(err)
	}
	client = kms.NewFromConfig(settings)
	for _, group := range [][]check{keys, aliasesAndTags, rotation, cryptography, asymmetric, refusals} {
		for _, one := range group {
			tell(one, guarded(one.run))
		}
	}
}

// A check that panics has failed, and keeps no later one from its run.
func guarded(run func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return run()
}

func tell(one check, err error) {
	line := map[string]string{
		"client": "sdk-go", "operation": one.operation, "check": one.name, "result": "pass", "detail": "",
	}
	if err != nil {
		line["result"], line["detail"] = "fail", err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}

// Stops the check where a step that it stands on fails.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func equal[T comparable](found, wanted T) error {
	if found != wanted {
		return fmt.Errorf("%v is not %v", found, wanted)
	}
	return nil
}

func recent(at *time.Time) error {
	if at == nil || time.Since(*at) > 15*time.Minute || time.Since(*at) < -time.Minute {
		return fmt.Errorf("%v is not now", at)
	}
	return nil
}

// Whether the call ended with the SDK's own type of an exception.
func refused[E error](err error) error {
	var wanted E
	if !errors.As(err, &wanted) {
		return fmt.Errorf("%T and not %T: %v", err, wanted, err)
	}
	return nil
}

// Exceptions that the model does not have come as the general one.
func refusedWith(code string, err error) error {
	var told smithy.APIError
	if !errors.As(err, &told) {
		return fmt.Errorf("not refused by the service: %v", err)
	}
	return equal(told.ErrorCode(), code)
}

func create(input *kms.CreateKeyInput) *types.KeyMetadata {
	return must(client.CreateKey(background, input)).KeyMetadata
}

func newKey() *string { return create(&kms.CreateKeyInput{}).KeyId }

func describe(key *string) *types.KeyMetadata {
	return must(client.DescribeKey(background, &kms.DescribeKeyInput{KeyId: key})).KeyMetadata
}

func disabledKey() *string {
	key := newKey()
	must(client.DisableKey(background, &kms.DisableKeyInput{KeyId: key}))
	return key
}

func newAlias(key *string) *string {
	name := aws.String(fmt.Sprintf("alias/sdk-go-%d", time.Now().UnixNano()))
	must(client.CreateAlias(background, &kms.CreateAliasInput{AliasName: name, TargetKeyId: key}))
	return name
}
