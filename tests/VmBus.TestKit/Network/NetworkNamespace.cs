using System.Diagnostics;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Xunit;

namespace VmBus.TestKit.Network;

/// <summary>A network of its own for one test or measurement: it belongs to a thread, those started by it and their children, and goes with the last of them.</summary>
public static partial class NetworkNamespace
{
    private const int CLONE_NEWNET = 0x40000000;
    private const string NoIpv6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

    /// <summary>Why tests cannot have one here; null when they can.</summary>
    public static string? Missing { get; } = Look();

    /// <summary>Runs a test body inside.</summary>
    public static void Run(Action body)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter();
                Ip("link set lo up");
                // What IPv6 sends by itself would be counted among the tests' frames.
                if (File.Exists(NoIpv6)) File.WriteAllText(NoIpv6, "1");
                body();
            }
            catch (Exception caught)
            {
                failure = ExceptionDispatchInfo.Capture(caught);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    /// <summary>Runs <c>ip</c>, which must succeed.</summary>
    public static void Ip(string arguments)
    {
        (int status, string output) = Execute("ip", arguments);
        if (status != 0) throw new InvalidOperationException($"ip {arguments} gave {status}: {output}");
    }

    /// <summary>Whether an interface exists.</summary>
    public static bool Exists(string name) => Execute("ip", $"link show {name}").Status == 0;

    /// <summary>What <c>ip</c> says.</summary>
    public static string Show(string arguments) => Execute("ip", arguments).Output;

    private static (int Status, string Output) Execute(string program, string arguments)
    {
        var start = new ProcessStartInfo(program, arguments.Split(' '))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    private static void Enter()
    {
        if (unshare(CLONE_NEWNET) != 0) throw new InvalidOperationException($"unshare gave {Marshal.GetLastPInvokeError()}");
    }

    private static string? Look()
    {
        if (!Environment.IsPrivilegedProcess) return "Needs root, to make network namespaces.";
        if (!File.Exists("/dev/net/tun")) return "Needs /dev/net/tun.";
        if (!Array.Exists(["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"], File.Exists)) return "Needs ip (Debian: iproute2).";
        bool entered = false;
        var thread = new Thread(() => entered = unshare(CLONE_NEWNET) == 0);
        thread.Start();
        thread.Join();
        return entered ? null : "Needs the right to make network namespaces.";
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);
}

/// <summary>A test that makes a network namespace and interfaces in it; skipped with the reason where that is not possible.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NetworkFactAttribute : FactAttribute
{
    public NetworkFactAttribute() => Skip = NetworkNamespace.Missing;
}

/// <summary>A test that makes a network namespace and interfaces in it; skipped with the reason where that is not possible.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NetworkTheoryAttribute : TheoryAttribute
{
    public NetworkTheoryAttribute() => Skip = NetworkNamespace.Missing;
}
