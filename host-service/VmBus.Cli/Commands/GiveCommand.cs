using System.CommandLine;
using VmBus.Cli.Options;
using VmBus.Host.Devices;
using VmBus.Native.Linux;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus give</c>: opens something for a partition that runs and opens nothing itself.</summary>
internal static class GiveCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Argument<string> socket = new("SOCKET") { Description = "The socket that the partition was given by --given of 'vmbus run'" };
        Option<string?> disk = new("--disk") { HelpName = "PATH[,KEY=VALUE]…", Description = "A disk, in the words of 'vmbus disk add' that follows" };
        Option<string?> nic = new("--nic") { HelpName = "LINK[,KEY=VALUE]…", Description = "A network adapter, in the words of 'vmbus nic add' that follows" };
        Option<string?> file = new("--file") { HelpName = "PATH", Description = "A file, for 'vmbus copy' that follows" };
        Option<int> cpus = new("--cpus") { HelpName = "N", Description = "The partition's virtual processors, which no TAP needs more queues than", DefaultValueFactory = _ => 1 };
        Option<bool> renew = new("--renew") { Description = "The network adapter's link takes the place of one whose other end has gone" };
        Option<string> log = LogOption.Create();
        var command = new Command(
            "give",
            "Opens a disk, a network adapter or a file with this user's rights, and gives it to a partition that opens none itself, which has it for two minutes. The service does so for its partitions; "
                + "programs that serve images and networks (qemu-nbd, passt) run on while the partition uses them.")
        {
            socket, disk, nic, file, cpus, renew, log,
        };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            var logger = new StderrLogger(LogOption.Parse(parsed.GetValue(log)!));
            int processors = RunCommand.InRange("--cpus", parsed.GetValue(cpus), 1, 64);
            (string? Disk, string? Nic, string? File) = (parsed.GetValue(disk), parsed.GetValue(nic), parsed.GetValue(file));
            if (new[] { Disk, Nic, File }.Count(static one => one is not null) != 1) throw new UsageException("give takes one of --disk, --nic and --file.");
            if (parsed.GetValue(renew) && Nic is null) throw new UsageException("--renew goes with --nic: nothing else can be lost.");
            string path = parsed.GetValue(socket)!;
            using LinuxFile connection = UnixSocket.TryConnect(path, out int errno)
                ?? throw new IOException($"The partition does not answer at '{path}': {LinuxException.DescribeError(errno)}.");
            using var to = DescriptorSocket.Take(connection);
            var giver = new DeviceGiver(to, waits: true);
            if (Disk is not null) giver.GiveDisk(Disk, further: false, logger);
            else if (Nic is not null) giver.GiveNic(Nic, processors, parsed.GetValue(renew));
            else giver.GiveFileToRead(File!);
            giver.WaitUntilTaken();
            return ExitStatus.Success;
        }));
        return command;
    }
}
