using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VmBus.Storage.Disks;

namespace VmBus.Storage.Tests.Disks;

/// <summary>
/// A process that does nothing but hold an image open, for tests that kill it: this test program started again, with the image for an
/// argument.
/// </summary>
public static class DiskWorker
{
    /// <summary>Opens the image, says the server's process id, and holds on until its input ends.</summary>
    public static int Main(string[] arguments)
    {
        if (arguments is not [string path]) return 2;
        using IDisk disk = DiskFactory.Open(new DiskOptions(path) { Format = DiskFormat.Qcow2 }, NullLogger.Instance);
        Console.WriteLine(((QemuNbdDisk)disk).ServerProcessId);
        _ = Console.In.ReadToEnd();
        return 0;
    }

    /// <summary>Starts one; the server's process id when it serves.</summary>
    internal static Process Start(string image, out int serverProcessId)
    {
        Process worker = Start(image, new Dictionary<string, string>());
        string? line = worker.StandardOutput.ReadLine();
        if (line is null) throw new InvalidOperationException($"The worker did not start: {worker.StandardError.ReadToEnd()}");
        serverProcessId = int.Parse(line, CultureInfo.InvariantCulture);
        return worker;
    }

    /// <summary>Starts one with more in its environment, and does not wait until it has the image.</summary>
    internal static Process Start(string image, IReadOnlyDictionary<string, string> variables) =>
        Tools.Start(Environment.ProcessPath!, variables, typeof(DiskWorker).Assembly.Location, image);
}
