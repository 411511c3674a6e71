// Looks at definitions of resources, and at resources, with the code of the Kubernetes API server.
//
// Standard input has one JSON object a line: the text of a CustomResourceDefinition and objects of its kind. Each is answered by one
// line: what is wrong with the definition, and for each object what is wrong with it and which of its fields are unknown.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type question struct {
	Definition string
	Objects    []map[string]interface{}
}

type answer struct {
	Definition []string
	Objects    []objectAnswer
}

type objectAnswer struct {
	Faults  []string
	Unknown []string
}

func main() {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		reply, err := judge(scheme, line)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(reply); err != nil {
			os.Exit(1)
		}
	}
}

func judge(scheme *runtime.Scheme, line []byte) (*answer, error) {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	crd, err := decode(scheme, asked.Definition)
	if err != nil {
		return nil, err
	}
	reply := &answer{Definition: []string{}, Objects: []objectAnswer{}}
	for _, fault := range crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd) {
		reply.Definition = append(reply.Definition, fault.Error())
	}
	schema := crd.Spec.Versions[0].Schema
	if schema == nil {
		schema = crd.Spec.Validation
	}
	structural, err := structuralschema.NewStructural(schema.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	validator, _, err := schemavalidation.NewSchemaValidator(schema.OpenAPIV3Schema)
	if err != nil {
		return nil, err
	}
	for _, object := range asked.Objects {
		one := objectAnswer{Faults: []string{}, Unknown: []string{}}
		for _, fault := range schemavalidation.ValidateCustomResource(nil, object, validator) {
			one.Faults = append(one.Faults, fault.Error())
		}
		options := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
		one.Unknown = append(one.Unknown, pruning.PruneWithOptions(object, structural, true, options)...)
		reply.Objects = append(reply.Objects, one)
	}
	return reply, nil
}

// decode gives the definition the defaults that the API server gives it.
func decode(scheme *runtime.Scheme, text string) (*apiextensions.CustomResourceDefinition, error) {
	// As kubectl reads files.
	definition, err := yaml.ToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	versioned := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(definition, versioned); err != nil {
		return nil, err
	}
	scheme.Default(versioned)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := scheme.Convert(versioned, internal, nil); err != nil {
		return nil, err
	}
	// What the API server has accepted before it stores it.
	internal.Status.StoredVersions = []string{}
	for _, version := range internal.Spec.Versions {
		if version.Storage {
			internal.Status.StoredVersions = append(internal.Status.StoredVersions, version.Name)
		}
	}
	return internal, nil
}
