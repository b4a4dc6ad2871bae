using Xunit;

namespace VmBus.Machine.Tests;

/// <summary>How a host that cannot run partitions is described.</summary>
public sealed class KvmHostTests
{
    private static readonly KvmCapability Present = new("KVM_CAP_IRQFD", Present: true, Needed: true, "interrupt");
    private static readonly KvmCapability Optional = new("KVM_CAP_X", Present: false, Needed: false, "go faster");

    [Fact]
    public void Host_with_all_that_is_needed_misses_nothing() => Assert.Null(KvmHost.Describe([Present, Optional]));

    [Fact]
    public void Missing_capability_is_named_with_its_purpose_in_one_sentence()
        => Assert.Equal(
            "This host's KVM lacks KVM_CAP_IRQFD, needed to interrupt.", KvmHost.Describe([Present with { Present = false }, Optional]));

    [Fact]
    public void Missing_hyper_v_support_names_the_kernel_option_and_the_rest()
        => Assert.Equal(
            "This host's KVM lacks KVM_CAP_HYPERV_SYNIC2, needed to emulate it (a kernel with CONFIG_KVM_HYPERV has it); also missing: KVM_CAP_IRQFD.",
            KvmHost.Describe([new("KVM_CAP_HYPERV_SYNIC2", Present: false, Needed: true, "emulate it"), Present with { Present = false }]));

    [Fact]
    public void Log_lines_of_a_guest_are_limited_and_the_held_back_are_counted()
    {
        var limiter = new GuestLogLimiter();
        Assert.Equal(10, Enumerable.Range(0, 25).Count(_ => limiter.TryEnter(1000, out long _)));
        Assert.True(limiter.TryEnter(6000, out long suppressed));
        Assert.Equal(15, suppressed);
        Assert.True(limiter.TryEnter(6001, out suppressed));
        Assert.Equal(0, suppressed);
    }
}
