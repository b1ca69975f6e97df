package eval

import (
	"math/rand/v2"
)

// Sample picks about n scenarios at random, the same ones for the same seed: a
// model that runs here takes seconds for each. An adversarial scenario brings
// its twin along, which may make one more than n. A small sample leaves whole
// kinds out.
func Sample(all []Scenario, n int, seed uint64) []Scenario {
	picked := map[string]bool{}
	for _, i := range rand.New(rand.NewPCG(seed, 0)).Perm(len(all)) {
		if len(picked) >= n {
			break
		}
		picked[all[i].Name] = true
		if twin := all[i].Twin; twin != "" {
			picked[twin] = true
		}
	}
	out := make([]Scenario, 0, len(picked))
	for _, s := range all {
		if picked[s.Name] {
			out = append(out, s)
		}
	}
	return out
}
