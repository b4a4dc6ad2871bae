using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A test of minutes whose parts shorter ones prove, too: only in <c>tests/run --full</c> (VMBUS_TEST_FULL).</summary>
internal sealed class FullFactAttribute : FactAttribute
{
    public FullFactAttribute()
    {
        if (!FullDataAttribute.IsWanted) Skip = "Takes minutes; tests/run --full runs it.";
    }
}
