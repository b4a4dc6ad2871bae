using System.Runtime.CompilerServices;

// The kernel's ABI stays between the code that speaks it and the tests that hold it against the kernel's headers.
[assembly: InternalsVisibleTo("VmBus.Machine")]
[assembly: InternalsVisibleTo("VmBus.Machine.Tests")]
[assembly: InternalsVisibleTo("VmBus.Capture")]
[assembly: InternalsVisibleTo("VmBus.Native.Tests")]
