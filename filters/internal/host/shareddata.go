package host

import "github.com/proxy-wasm/proxy-wasm-go-sdk/proxywasm"

// sharedData is Envoy's shared data, which belongs to the VM's vm_id.
type sharedData struct{}

// Get implements filter.Store.
func (sharedData) Get(key string) (value []byte, cas uint32, ok bool) {
	value, cas, err := proxywasm.GetSharedData(key)
	return value, cas, err == nil
}

// Set implements filter.Store.
func (sharedData) Set(key string, value []byte, cas uint32) bool {
	return proxywasm.SetSharedData(key, value, cas) == nil
}
