// Command release makes what is published besides the program itself: the container image and
// the software bill of materials. Both follow from the program byte for byte; no clock, no
// chance and nothing of the machine gets into them.
//
//	go run ./internal/release image -binary FILE -arch amd64 -version v1.2.3 -o FILE
//	go run ./internal/release sbom -binary FILE -version v1.2.3 -o FILE
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release: "+err.Error())
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("name what to make: image or sbom")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	binary := flags.String("binary", "", "the program, for Linux, static")
	version := flags.String("version", "dev", "the version that it has")
	arch := flags.String("arch", "amd64", "what the image is for: amd64 or arm64")
	out := flags.String("o", "", "the file to write")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *binary == "" || *out == "" {
		return fmt.Errorf("%s: -binary and -o are required", args[0])
	}
	var made []byte
	var err error
	switch args[0] {
	case "image":
		made, err = image(*binary, *arch, *version)
	case "sbom":
		made, err = sbom(*binary, *version)
	default:
		return fmt.Errorf("%q is neither image nor sbom", args[0])
	}
	if err != nil {
		return err
	}
	return os.WriteFile(*out, made, 0o644)
}
