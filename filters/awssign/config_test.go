package awssign

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/conf/conftest"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

func TestConfigurations(t *testing.T) {
	conftest.Cases(t, new(Config).Fields(), func(data []byte, env func(string) (string, bool)) (any, error) {
		return decode(data, env)
	})
}

// TestProfiles: each profile is a configuration that only lacks its credentials.
func TestProfiles(t *testing.T) {
	t.Parallel()
	for name := range presets {
		if _, err := load([]byte(`{"profile":"`+name+`",`+static+`}`), hosttest.NewHost()); err != nil {
			t.Errorf("profile %s: %v", name, err)
		}
	}
}
