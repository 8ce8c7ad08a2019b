package machine

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
)

// walkSteps is how many steps a walk has, of 20 ms on average.
const walkSteps = 500

// lossySeeds are the walks of each kind of trouble: so many, as LOSSY_SEEDS says, or that of LOSSY_SEED alone.
func lossySeeds(t *testing.T, without uint64) (seeds []uint64) {
	number := func(name string, without uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return without
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	if os.Getenv("LOSSY_SEED") != "" {
		return []uint64{number("LOSSY_SEED", 0)}
	}
	for seed := range number("LOSSY_SEEDS", without) {
		seeds = append(seeds, seed)
	}
	return seeds
}

// manyTroubles are three of all, by the seed.
func manyTroubles(seed uint64) (three []trouble) {
	names := slices.Sorted(maps.Keys(lossyTroubles))
	for range 3 {
		three = append(three, lossyTroubles[names[seed%uint64(len(names))]])
		seed = seed/uint64(len(names)) + 7*seed + 5
	}
	return three
}

// walkAll walks each seed, and says how to walk a bad one alone.
func walkAll(t *testing.T, troubles func(seed uint64) []trouble) (seen lossySeen, seeds int) {
	for _, seed := range lossySeeds(t, 15) {
		w := lossyWalk(seed, walkSteps, troubles(seed), mutant{})
		if w.wrong != "" {
			t.Fatalf("seed %d: %s\nalone: LOSSY_SEED=%d go test -count 1 -run '^%s$' ./internal/machine", seed, w.wrong, seed, t.Name())
		}
		seen.add(&w.seen)
		seeds++
	}
	return seen, seeds
}

func TestEachMessageIsHandledOnceOrToldWhateverHappensToFrames(t *testing.T) {
	for name, tr := range lossyTroubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, seeds := walkAll(t, func(uint64) []trouble { return []trouble{tr} })
			if seeds > 1 && !tr.shows(&seen) {
				t.Errorf("row %s is not tried: %+v", tr.row, seen)
			}
			if tr.staysUp && seen.lost > 0 {
				t.Errorf("%d links were lost", seen.lost)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		if seen, _ := walkAll(t, func(uint64) []trouble { return nil }); seen.lost > 0 || seen.handled == 0 {
			t.Errorf("nothing happens, and %d links were lost", seen.lost)
		}
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		walkAll(t, manyTroubles)
	})
}

func TestTheSimulationFindsWhatANodeMustNotDo(t *testing.T) {
	for name, m := range map[string]mutant{
		"reads frames out of order": {trusting: true}, "says of each ask that it was not handled": {certain: true},
		"does not say what may be lost": {silent: true}, "sends again what may have come": {eager: true},
	} {
		found := 0
		for seed := range uint64(15) {
			for _, kind := range []string{"swap", "reset"} {
				if lossyWalk(seed, walkSteps, []trouble{lossyTroubles[kind]}, m).wrong != "" {
					found++
				}
			}
		}
		t.Logf("who %s is found in %d of 30 walks", name, found)
		if found == 0 {
			t.Errorf("who %s is not found", name)
		}
	}
}

func TestASeedIsTheSameWalkEachTime(t *testing.T) {
	walk := func() string {
		w := lossyWalk(3, walkSteps, manyTroubles(3), mutant{})
		return fmt.Sprintf("%d ms, %d messages, %+v, %s", w.now, len(w.messages), w.seen, w.wrong)
	}
	if first, second := walk(), walk(); first != second {
		t.Errorf("%s\n%s", first, second)
	}
}
