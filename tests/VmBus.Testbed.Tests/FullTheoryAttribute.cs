using Xunit;

namespace VmBus.Testbed.Tests;

/// <summary>A theory each row of which takes minutes for what shorter tests prove, too: only in <c>tests/run --full</c> (VMBUS_TEST_FULL).</summary>
internal sealed class FullTheoryAttribute : TheoryAttribute
{
    public FullTheoryAttribute()
    {
        if (!FullDataAttribute.IsWanted) Skip = "Takes minutes; tests/run --full runs it.";
    }
}
