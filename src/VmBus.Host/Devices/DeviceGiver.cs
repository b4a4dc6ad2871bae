using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;
using VmBus.Native.Linux;
using VmBus.Network.Links;
using VmBus.Sockets.Connectors;
using VmBus.Storage.Disks;

namespace VmBus.Host.Devices;

/// <summary>Opens devices and files with the rights of this process, and gives them to the process of a partition (<see cref="GivenDevices"/>).</summary>
/// <remarks>One thread. Source: protocol-spec/given.md.</remarks>
/// <param name="connection">To the partition's process; it belongs to the caller.</param>
/// <param name="waits">Whether to wait while the other end reads; else what it has not read waits in the connection, as far as there is room.</param>
public sealed class DeviceGiver(DescriptorSocket connection, bool waits)
{
    /// <summary>Starts a program that connects to sockets of the host, and gives the connections that ask it; it ends when they are closed.</summary>
    /// <exception cref="IOException">It does not start, or they cannot be given.</exception>
    public void GiveConnectors(IReadOnlyList<ConnectPlace> places)
    {
        if (places.Count == 0) return;
        IReadOnlyList<LinuxFile> connections = ConnectorProgram.Start(places);
        try
        {
            foreach ((ConnectPlace place, LinuxFile connection) in places.Zip(connections)) Give(GivenKind.Connector, place.ToString(), "", [connection]);
        }
        finally
        {
            foreach (LinuxFile connection in connections) connection.Dispose();
        }
    }

    /// <summary>Opens a disk and gives it; of one that a vhost-user back-end serves, what connects to that.</summary>
    /// <param name="text">What <c>--disk</c> takes.</param>
    /// <param name="further">Whether it is one that is not among the words of the partition's command line.</param>
    /// <param name="logger">For what the operator should know although the disk opens.</param>
    /// <exception cref="IOException">It cannot be opened or given.</exception>
    public void GiveDisk(string text, bool further, ILogger logger)
    {
        DiskOptions options = ParseDisk(text);
        if (options.IsVhostUser)
        {
            GiveConnectors([new ConnectPlace(ConnectKind.VhostUser, options.Path)]);
            return;
        }

        using DiskDescriptors disk = DiskFactory.OpenDescriptors(options, logger);
        Give(further ? GivenKind.FurtherDisk : GivenKind.Disk, text, DiskFactory.NameOf(disk.Options.Format), [.. disk.Files]);
    }

    /// <summary>Opens a network adapter's link and gives it; of a vhost-user back-end, what connects to that.</summary>
    /// <param name="text">What <c>--nic</c> takes.</param>
    /// <param name="queues">Queues that are of use: the partition's processors.</param>
    /// <param name="renews">Whether it takes the place of a link that was lost.</param>
    /// <exception cref="IOException">It cannot be opened or given.</exception>
    public void GiveNic(string text, int queues, bool renews)
    {
        NicOptions options = NicOptions.Parse(text);
        if (options.Kind == LinkKind.VhostUser)
        {
            GiveConnectors([new ConnectPlace(ConnectKind.VhostUser, options.Target)]);
            return;
        }

        using LinkDescriptors link = LinkFactory.OpenDescriptors(options, queues);
        Give(GivenKind.Nic, text, renews ? GivenHeader.Renewed : "", [.. link.Files]);
    }

    /// <summary>Gives a file or a listening socket that is open; the caller's stays open.</summary>
    /// <exception cref="IOException">It cannot be given.</exception>
    public void GiveFile(string path, SafeHandle file) => Give(GivenKind.File, path, "", [file]);

    /// <summary>Opens a file to be read and gives it.</summary>
    /// <exception cref="IOException">It cannot be opened, is no regular file, or cannot be given.</exception>
    public void GiveFileToRead(string path)
    {
        // A FIFO would have it wait for a writer.
        using LinuxFile file = LinuxFile.TryOpen(path, LinuxOpen.Read | LinuxOpen.NonBlocking, out int errno) ?? throw new IOException($"'{path}' cannot be read: {LinuxException.DescribeError(errno)}.");
        if (FileStatus.TryRead(file, out FileStatus status) < 0 || status.Kind != FileKind.Regular) throw new IOException($"'{path}' is no regular file: name one.");
        GiveFile(path, file);
    }

    /// <summary>Gives /dev/kvm; the caller's stays open.</summary>
    /// <exception cref="IOException">It cannot be given.</exception>
    public void GiveKvm(SafeHandle kvm) => Give(GivenKind.Kvm, "", "", [kvm]);

    /// <summary>Gives the socket at which more is given later; the caller's stays open.</summary>
    /// <exception cref="IOException">It cannot be given.</exception>
    public void GiveSocket(SafeHandle socket) => Give(GivenKind.Socket, "", "", [socket]);

    /// <summary>Waits until the other end has taken what was given last. For connections to a partition that runs.</summary>
    /// <exception cref="IOException">It has not.</exception>
    public void WaitUntilTaken()
    {
        Span<byte> answer = stackalloc byte[1];
        int count = connection.Receive(answer, stackalloc int[DescriptorSocket.MaximumDescriptors], out _);
        if (count != 1 || answer[0] != GivenHeader.Taken) throw new IOException("The partition has not taken it; its log says why.");
    }

    /// <summary>Reads what <c>--disk</c> takes; which bus it is on is not the disk's.</summary>
    /// <exception cref="DiskException">An option is unknown or has a bad value.</exception>
    internal static DiskOptions ParseDisk(string text) => DiskOptions.Parse(text, static (key, _) => key == "bus");

    private void Give(GivenKind kind, string text, string detail, ReadOnlySpan<SafeHandle> files)
    {
        byte[] body = Encoding.UTF8.GetBytes(text + detail);
        if (body.Length > GivenHeader.MaximumTextBytes) throw new IOException($"'{text}' is too long to be given: take a shorter path.");
        byte[] message = new byte[GivenHeader.Size + body.Length];
        new GivenHeader(body.Length, kind, files.Length, Encoding.UTF8.GetByteCount(detail)).Write(message);
        body.CopyTo(message, GivenHeader.Size);
        int result = connection.Send(message, files, waits);
        if (result < 0) throw new LinuxException($"Giving '{text}' to the partition failed", -result);
    }
}
