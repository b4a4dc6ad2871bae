using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using VmBus.Client.Transports;
using VmBus.Conformance.Running;
using VmBus.Host.ProcessPartitions;
using VmBus.Protocol.Channel;
using VmBus.Storage.Disks;

namespace VmBus.Cli.Conformance;

/// <summary>This project's own host for a run of the conformance checks: every device, a disk in a folder that goes with it, and a program behind the echo port.</summary>
internal sealed class OwnHost : IHostOperator, IDisposable
{
    private const long DiskBytes = 16 << 20;
    private const int EchoPort = 7;

    private readonly DirectoryInfo _folder;
    private readonly Socket _echo = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly ProcessPartition _partition;

    private OwnHost(ProtocolVersion maximumVersion, ILogger logger)
    {
        _folder = Directory.CreateTempSubdirectory("vmbus-conformance-");
        try
        {
            string disk = Path.Combine(_folder.FullName, "disk.img"), sockets = Path.Combine(_folder.FullName, "vsock");
            using (FileStream file = File.Create(disk)) file.SetLength(DiskBytes);
            _echo.Bind(new UnixDomainSocketEndPoint($"{sockets}_{EchoPort}"));
            _echo.Listen();
            var options = new ProcessPartitionOptions
            {
                MaximumVersion = maximumVersion,
                Disks = [new DiskOptions(disk) { Format = DiskFormat.Raw }],
                SocketPath = sockets,
            };
            _partition = ProcessPartition.Start(options, "conformance", logger);
        }
        catch
        {
            Clean();
            throw;
        }

        Transport = new PartitionTransport(_partition);
        _ = EchoAsync();
    }

    /// <summary>The guest's way to it.</summary>
    public IClientTransport Transport { get; }

    /// <summary>Starts it.</summary>
    /// <param name="maximumVersion">The newest version of VMBus that it accepts.</param>
    /// <param name="logger">Where it reports.</param>
    /// <exception cref="IOException">A file cannot be made.</exception>
    public static OwnHost Start(ProtocolVersion maximumVersion, ILogger logger) => new(maximumVersion, logger);

    /// <summary>What it is a part of.</summary>
    public ProcessPartition Partition => _partition;

    /// <inheritdoc/>
    public bool CanSetMemory => true;

    /// <inheritdoc/>
    public bool CanDeliver => true;

    /// <inheritdoc/>
    public bool TrySetMemory(long bytes)
    {
        // Whatever the guest makes of it is for the check to see; without a driver it has failed at once.
        Task setting = _partition.SetMemoryAsync(bytes);
        _ = setting.ContinueWith(static ended => _ = ended.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return !setting.IsFaulted;
    }

    /// <inheritdoc/>
    public bool TryDeliver(ReadOnlySpan<byte> frame) => _partition.Deliver(frame);

    /// <inheritdoc/>
    public void Dispose()
    {
        _partition.Dispose();
        Clean();
    }

    private void Clean()
    {
        _echo.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task EchoAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _echo.AcceptAsync().ConfigureAwait(false);
                _ = EchoAsync(client);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The host ends.
        }
    }

    private static async Task EchoAsync(Socket client)
    {
        using Socket owned = client;
        byte[] buffer = new byte[4096];
        try
        {
            int bytes;
            while ((bytes = await client.ReceiveAsync(buffer).ConfigureAwait(false)) > 0)
            {
                for (int sent = 0; sent < bytes;) sent += await client.SendAsync(buffer.AsMemory(sent, bytes - sent)).ConfigureAwait(false);
            }

            client.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The guest has closed its end.
        }
    }
}
