package composetest

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
)

const (
	composeFile = "../../docker-compose.yml"
	envFile     = "../../.env.example"
	configDir   = "../../config"
)

// load reads the Compose file as `docker compose` would, with the variables of
// an environment.
func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	opts, err := cli.NewProjectOptions([]string{composeFile}, cli.WithWorkingDirectory("../.."), cli.WithEnv(env))
	if err != nil {
		t.Fatal(err)
	}
	p, err := opts.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Services) == 0 {
		t.Fatal("the file has no services")
	}
	return p
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryServiceIsHealthCheckedBoundedAndPinned(t *testing.T) {
	for name, s := range load(t).Services {
		if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) < 2 {
			t.Errorf("%s has no health check", name)
		}
		if s.MemLimit <= 0 {
			t.Errorf("%s has no mem_limit", name)
		}
		ref, err := reference.ParseNormalizedNamed(s.Image)
		if err != nil {
			t.Errorf("%s: image %q: %v", name, s.Image, err)
			continue
		}
		if tag, ok := ref.(reference.Tagged); !ok || tag.Tag() == "latest" {
			t.Errorf("%s: image %q has no fixed tag", name, s.Image)
		}
	}
}

func TestEveryPublishedPortIsUniqueAndOnLoopback(t *testing.T) {
	taken := map[string]string{}
	for name, s := range load(t).Services {
		for _, p := range s.Ports {
			if other, ok := taken[p.Published]; ok {
				t.Errorf("%s and %s both publish port %s", name, other, p.Published)
			}
			taken[p.Published] = name
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes port %s on %q, want 127.0.0.1", name, p.Published, p.HostIP)
			}
		}
	}
	for _, want := range []string{"9092", "7233", "8233", "8025"} {
		if _, ok := taken[want]; !ok {
			t.Errorf("port %s, which the documents name, isn't published", want)
		}
	}
}

func TestServicesWaitUntilWhatTheyNeedIsHealthy(t *testing.T) {
	worker := load(t).Services["worker"]
	for _, need := range []string{"kafka", "temporal"} {
		if got := worker.DependsOn[need].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("worker depends on %s by condition %q, want %q", need, got, types.ServiceConditionHealthy)
		}
	}
}

func TestWhatIsWrittenIsInAVolumeThatIsDeclared(t *testing.T) {
	p := load(t)
	for name, s := range p.Services {
		if len(s.Volumes) == 0 {
			t.Errorf("%s has no volume: what it holds is gone with its container", name)
		}
		for _, v := range s.Volumes {
			if _, ok := p.Volumes[v.Source]; v.Type == types.VolumeTypeVolume && !ok {
				t.Errorf("%s: volume %s isn't declared", name, v.Source)
			}
		}
	}
}

func TestTheEnvironmentReachesTheServices(t *testing.T) {
	p := load(t, "TEMPORAL_UI_PORT=18233", "KAFKA_TOPIC=orders", "TEMPORAL_NAMESPACE=shop")
	env := p.Services["worker"].Environment
	if got := *env["KAFKA_TOPIC"]; got != "orders" {
		t.Errorf("KAFKA_TOPIC = %q, want orders", got)
	}
	if got := *env["TEMPORAL_UI"]; got != "http://127.0.0.1:18233" {
		t.Errorf("TEMPORAL_UI = %q doesn't follow TEMPORAL_UI_PORT", got)
	}
	if cmd := p.Services["temporal"].Command; !slices.Contains(cmd, "--namespace=shop") {
		t.Errorf("Temporal's command doesn't follow TEMPORAL_NAMESPACE: %v", cmd)
	}
}

// variables of .env.example, each with whether the line before explains it.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	vars, before := map[string]bool{}, ""
	for _, line := range strings.Split(read(t, envFile), "\n") {
		if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			if _, twice := vars[name]; twice {
				t.Errorf(".env.example has %s twice", name)
			}
			vars[name] = strings.HasPrefix(before, "# ") && !strings.HasPrefix(before, "# ---")
		}
		before = line
	}
	if len(vars) == 0 {
		t.Fatal(".env.example has no variables")
	}
	return vars
}

func TestEveryVariableIsExplained(t *testing.T) {
	for name, explained := range variables(t) {
		if !explained {
			t.Errorf(".env.example: the line before %s doesn't say what it is", name)
		}
	}
}

func TestEveryVariableOfTheComposeFileIsInTheExample(t *testing.T) {
	have := variables(t)
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllStringSubmatch(read(t, composeFile), -1) {
		used[m[1]] = true
	}
	for name := range load(t).Services["worker"].Environment {
		used[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if _, ok := have[name]; !ok {
			t.Errorf("docker-compose.yml uses %s, which .env.example lacks", name)
		}
	}
}

func TestEveryVariableThatTheProgramsReadIsInTheExample(t *testing.T) {
	have := variables(t)
	for _, name := range readByPrograms(t) {
		if _, ok := have[name]; !ok {
			t.Errorf("config reads %s, which .env.example lacks", name)
		}
	}
}

// readByPrograms finds the names that the config package asks the environment
// for.
func readByPrograms(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(configDir)
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`\b(?:env|get|Getenv)\("([A-Z][A-Z_]+)"`)
	names := map[string]bool{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		for _, m := range asked.FindAllStringSubmatch(read(t, configDir+"/"+e.Name()), -1) {
			names[m[1]] = true
		}
	}
	if !names["KAFKA_BROKER"] {
		t.Fatal("config asks for no KAFKA_BROKER: this test doesn't see what it reads any more")
	}
	return slices.Sorted(maps.Keys(names))
}

func TestTemporalKnowsTheSearchAttributesThatWorkflowsSet(t *testing.T) {
	declared := regexp.MustCompile(`"(\w+)":\s+enums\.INDEXED_VALUE_TYPE_(\w+)`).FindAllStringSubmatch(read(t, "../../internal/temporal/temporal.go"), -1)
	if len(declared) == 0 {
		t.Fatal("no search attributes found in internal/temporal/temporal.go")
	}
	command := load(t).Services["temporal"].Command
	for _, d := range declared {
		kind := strings.ReplaceAll(strings.ToLower(d[2]), "_", "")
		if !slices.ContainsFunc(command, func(arg string) bool {
			return strings.EqualFold(arg, "--search-attribute="+d[1]+"="+kind)
		}) {
			t.Errorf("docker-compose.yml doesn't register search attribute %s of kind %s", d[1], kind)
		}
	}
}
