using VmBus.Litmus;
using Xunit;
using Xunit.Abstractions;

namespace VmBus.Memory.Tests.Rings;

/// <summary>A short run of the wake-up races; tests/VmBus.Litmus runs the long one and says whether the machine shows them at all.</summary>
public sealed class RingLitmusTests(ITestOutputHelper output)
{
    [Fact]
    public void Racing_ring_ends_miss_no_wake_up()
    {
        using var report = new StringWriter();
        LitmusVerdict verdict = LitmusRun.Run(300, report);
        output.WriteLine(report.ToString());
        Assert.NotEqual(LitmusVerdict.Fail, verdict);
    }
}
