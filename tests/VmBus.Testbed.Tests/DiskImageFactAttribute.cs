using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A test that boots a disk image with two kernels, which takes minutes to make and to boot: only where VMBUS_TEST_IMAGES is set, as <c>tests/run --full</c> does.</summary>
internal sealed class DiskImageFactAttribute : FactAttribute
{
    public DiskImageFactAttribute()
    {
        if (!IsWanted) Skip = "Makes an image from packages and boots it; set VMBUS_TEST_IMAGES=1.";
    }

    /// <summary>Whether such tests run.</summary>
    public static bool IsWanted => Environment.GetEnvironmentVariable("VMBUS_TEST_IMAGES") is { Length: > 0 };
}
