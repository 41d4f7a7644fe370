package host

// sharedData is Envoy's shared data, which belongs to the VM's vm_id.
type sharedData struct{}

// Get implements filter.Store.
func (sharedData) Get(key string) (value []byte, cas uint32, ok bool) { return getShared(key) }

// Set implements filter.Store.
func (sharedData) Set(key string, value []byte, cas uint32) bool { return setShared(key, value, cas) }
