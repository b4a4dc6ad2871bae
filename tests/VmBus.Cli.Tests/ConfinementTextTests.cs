using VmBus.Cli.Text;
using Xunit;

namespace VmBus.Cli.Tests;

public sealed class ConfinementTextTests
{
    [Fact]
    public void Status_of_a_process_is_put_into_words()
    {
        Assert.Equal(
            "user 1900000001, given what it uses, 2 system call filters, no new privileges, at most 3 capabilities, sees no data of the host's, namespaces of its own: ipc mnt",
            ConfinementText.Of("Name:\tvmbus\nUid:\t1900000001\t1900000001\t1900000001\t1900000001\nCapBnd:\t0000000000001003\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n", ["ipc", "mnt"], given: true, sees: false));
        Assert.Equal(
            "user 0, opens what it uses, 0 system call filters, may gain privileges, at most 41 capabilities, sees the host's files, the host's namespaces",
            ConfinementText.Of("Uid:\t0\t0\t0\t0\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n", [], given: false, sees: true));
    }

    [Fact]
    public void Kernel_that_does_not_count_filters_says_whether_there_is_one()
        => Assert.Contains(" 1 system call filter, ", ConfinementText.Of("Seccomp:\t2\n", [], given: false, sees: true), StringComparison.Ordinal);

    [Fact]
    public void Process_that_has_ended_has_none() => Assert.Null(ConfinementText.Of(int.MaxValue));
}
