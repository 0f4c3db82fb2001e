// Package template loads what `cdk deploy` would ship: it reads a CDK cloud
// assembly (cdk.out), resolves each stack's CloudFormation template into plain
// resources with their final names and ARNs, and gives them as typed values.
//
// It is pure: it reads files, simulates nothing and imports no AWS SDK. What
// it does not understand it refuses by name, so that a rehearsal never runs on
// less than what would be deployed. The rules are those of the CloudFormation
// user guide (intrinsic functions, template anatomy, return values of each
// resource type).
//
// Start with Load, then Resolve.
package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Assembly is one cloud assembly: the output of one `cdk synth`.
type Assembly struct {
	Dir    string
	Stacks []*Stack // by name
}

// Stack is one stack of the assembly, as synthesized.
type Stack struct {
	Name                  string
	Account               string // 12 digits
	Region                string
	Tags                  map[string]string // which deploy puts on every resource
	TerminationProtection bool
	Template              *Template
	Assets                []Asset // by hash
}

// Asset is one file asset: what deploy uploads to Bucket and Key.
type Asset struct {
	Hash      string
	Path      string // file or folder on this machine
	Packaging string // "zip" for a folder to be zipped, "file" for a file as it is
	Bucket    string
	Key       string
}

const again = "run `make ready` (or `npx cdk synth`) to write it anew"

// Load reads the cloud assembly in dir. It refuses stages, missing context,
// stacks without an explicit account and Region, container images, and assets
// whose files are not there.
func Load(dir string) (*Assembly, error) {
	var m manifest
	if err := readJSON(filepath.Join(dir, "manifest.json"), &m); err != nil {
		return nil, fmt.Errorf("load cloud assembly %s: %w", dir, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("load cloud assembly %s: %w", dir, err)
	}
	a := &Assembly{Dir: dir}
	for _, id := range sortedKeys(m.Artifacts) {
		if m.Artifacts[id].Type != "aws:cloudformation:stack" {
			continue
		}
		s, err := loadStack(dir, &m, id)
		if err != nil {
			return nil, fmt.Errorf("load stack %s from %s: %w", id, dir, err)
		}
		a.Stacks = append(a.Stacks, s)
	}
	if len(a.Stacks) == 0 {
		return nil, fmt.Errorf("load cloud assembly %s: it holds no stack; %s", dir, again)
	}
	sort.Slice(a.Stacks, func(i, j int) bool { return a.Stacks[i].Name < a.Stacks[j].Name })
	return a, nil
}

// Stack finds a stack by name; the error lists the names there are.
func (a *Assembly) Stack(name string) (*Stack, error) {
	var names []string
	for _, s := range a.Stacks {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("cloud assembly %s has no stack %q, it has %s", a.Dir, name, strings.Join(names, ", "))
}

// manifest is the part of manifest.json that matters here.
type manifest struct {
	Version   string              `json:"version"`
	Artifacts map[string]artifact `json:"artifacts"`
	Missing   []struct {
		Key string `json:"key"`
	} `json:"missing"`
}

type artifact struct {
	Type         string   `json:"type"`
	Environment  string   `json:"environment"`
	Dependencies []string `json:"dependencies"`
	Properties   struct {
		TemplateFile          string            `json:"templateFile"`
		StackName             string            `json:"stackName"`
		Tags                  map[string]string `json:"tags"`
		TerminationProtection bool              `json:"terminationProtection"`
		File                  string            `json:"file"`
	} `json:"properties"`
}

func (m *manifest) check() error {
	if m.Version == "" || m.Artifacts == nil {
		return fmt.Errorf("manifest.json is not a CDK manifest; %s", again)
	}
	if len(m.Missing) > 0 {
		return fmt.Errorf("context %s is missing: the app looks something up in AWS; give it in cdk.json", m.Missing[0].Key)
	}
	known := []string{"aws:cloudformation:stack", "cdk:asset-manifest", "cdk:tree", "cdk:feature-flag-report"}
	for _, id := range sortedKeys(m.Artifacts) {
		if t := m.Artifacts[id].Type; !slices.Contains(known, t) {
			return fmt.Errorf("artifact %s has type %q, which is not understood; known are %s", id, t, strings.Join(known, ", "))
		}
	}
	return nil
}

var environment = regexp.MustCompile(`^aws://([0-9]{12})/([a-z]{2}(?:-[a-z]+)+-[0-9])$`)

func loadStack(dir string, m *manifest, id string) (*Stack, error) {
	art := m.Artifacts[id]
	env := environment.FindStringSubmatch(art.Environment)
	if env == nil {
		return nil, fmt.Errorf("environment is %q; give the stack an explicit account and Region (Env)", art.Environment)
	}
	s := &Stack{Name: art.Properties.StackName, Account: env[1], Region: env[2], Tags: art.Properties.Tags,
		TerminationProtection: art.Properties.TerminationProtection}
	if s.Name == "" {
		s.Name = id
	}
	raw, err := os.ReadFile(filepath.Join(dir, art.Properties.TemplateFile))
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, again)
	}
	if s.Template, err = ParseTemplate(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", art.Properties.TemplateFile, err)
	}
	for _, dep := range art.Dependencies {
		if m.Artifacts[dep].Type != "cdk:asset-manifest" {
			continue
		}
		assets, err := loadAssets(dir, m.Artifacts[dep].Properties.File, s)
		if err != nil {
			return nil, err
		}
		s.Assets = append(s.Assets, assets...)
	}
	return s, nil
}

// assetManifest is <stack>.assets.json.
type assetManifest struct {
	Files map[string]struct {
		Source struct {
			Path       string   `json:"path"`
			Packaging  string   `json:"packaging"`
			Executable []string `json:"executable"`
		} `json:"source"`
		Destinations map[string]struct {
			BucketName string `json:"bucketName"`
			ObjectKey  string `json:"objectKey"`
		} `json:"destinations"`
	} `json:"files"`
	DockerImages map[string]json.RawMessage `json:"dockerImages"`
}

func loadAssets(dir, file string, s *Stack) ([]Asset, error) {
	var m assetManifest
	if err := readJSON(filepath.Join(dir, file), &m); err != nil {
		return nil, err
	}
	if len(m.DockerImages) > 0 {
		return nil, fmt.Errorf("%s holds %d container images, which are not supported", file, len(m.DockerImages))
	}
	env := strings.NewReplacer("${AWS::AccountId}", s.Account, "${AWS::Region}", s.Region, "${AWS::Partition}", partition(s.Region))
	var out []Asset
	for _, hash := range sortedKeys(m.Files) {
		f := m.Files[hash]
		path := f.Source.Path
		if path == "" || len(f.Source.Executable) > 0 {
			return nil, fmt.Errorf("%s: asset %s is not a plain file or folder", file, hash)
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s: asset %s: %w; %s", file, hash, err, again)
		}
		for _, name := range sortedKeys(f.Destinations) {
			d := f.Destinations[name]
			out = append(out, Asset{Hash: hash, Path: path, Packaging: f.Source.Packaging,
				Bucket: env.Replace(d.BucketName), Key: env.Replace(d.ObjectKey)})
		}
	}
	return out, nil
}

func readJSON(path string, into any) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there; %s", filepath.Base(path), again)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w; %s", filepath.Base(path), err, again)
	}
	return nil
}
