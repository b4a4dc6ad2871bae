using System.Diagnostics;
using System.Globalization;

namespace VmBus.Benchmarks.Dpdk;

/// <summary>DPDK's testpmd with one port, which it polls on one processor. It needs no huge pages, and ends when its input does.</summary>
internal static class Testpmd
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // Until the runtime of the other end has compiled its loops for good, on the processor that it also polls on.
    private const int WarmUpSeconds = 5;

    /// <summary>Starts a process that is ended by <see cref="End"/>.</summary>
    internal static Process Start(string program, params string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        return Process.Start(info) ?? throw new InvalidOperationException($"{program} did not start");
    }

    /// <summary>Starts a testpmd.</summary>
    /// <param name="folder">For the files that it has while it runs; its name is unlike that of another that runs.</param>
    /// <param name="processor">That it polls on.</param>
    /// <param name="device">The port.</param>
    /// <param name="options">Of its own.</param>
    internal static Process Start(string folder, int processor, string device, params string[] options)
    {
        string[] arguments =
        [
            "--lcores", string.Create(CultureInfo.InvariantCulture, $"0@{1 - processor},1@{processor}"), "--no-pci", "--no-telemetry", "--no-huge", "-m", "256",
            "--file-prefix", Path.GetFileName(folder), "--vdev", device,
            "--", "--total-num-mbufs=16384", "--no-mlockall", "--auto-start", "--stats-period", "1", .. options,
        ];
        return Start("dpdk-testpmd", arguments);
    }

    /// <summary>Reads so many of the port's rates, one a second, after those of the warming-up.</summary>
    /// <param name="process">The testpmd.</param>
    /// <param name="word"><c>Rx-pps:</c> or <c>Tx-pps:</c>.</param>
    /// <param name="seconds">How many.</param>
    /// <returns>Their median, packets per second.</returns>
    internal static double Rate(Process process, string word, int seconds)
    {
        List<double> rates = [];
        using var timer = new Timer(_ => process.Kill(), null, Limit, Timeout.InfiniteTimeSpan);
        while (rates.Count < seconds + WarmUpSeconds)
        {
            string line = process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"testpmd ended: {process.StandardError.ReadToEnd()}");
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 1 && words[0] == word) rates.Add(double.Parse(words[1], CultureInfo.InvariantCulture));
        }

        double[] sorted = [.. rates.Skip(WarmUpSeconds).Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>Ends a process.</summary>
    internal static void End(Process process)
    {
        if (!process.HasExited) process.Kill();
        process.WaitForExit();
        process.Dispose();
    }
}
