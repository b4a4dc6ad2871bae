using VmBus.GuestTools.Daemon;
using VmBus.Protocol.Integration;
using VmBus.Protocol.Text;

namespace VmBus.GuestTools.Files;

/// <summary>What a host asks of a receiver, as statuses for it and lines for the log. One thread uses it.</summary>
internal sealed class FileCopySteps(FileReceiver receiver, DaemonLog log)
{
    private const int ShownCharacters = 256;

    /// <summary>Begins a file.</summary>
    public IntegrationStatus Start(string folder, string name, FileCopyFlags flags, ulong bytes) => StatusOf(receiver.Start(folder, name, flags, bytes));

    /// <summary>Takes a piece.</summary>
    public IntegrationStatus Write(ulong position, ReadOnlySpan<byte> data) => StatusOf(receiver.Write(position, data));

    /// <summary>The file is whole, or given up.</summary>
    public IntegrationStatus End(FileCopyOperation operation)
    {
        if (operation == FileCopyOperation.Cancel)
        {
            receiver.Cancel();
            return IntegrationStatus.Success;
        }

        ReceiveStatus status = receiver.Complete();
        if (status == ReceiveStatus.Done) log.Say($"fcopy: the host has copied {PeerText.Escape(receiver.Destination, ShownCharacters)}");
        return StatusOf(status);
    }

    /// <summary>The host is gone.</summary>
    public void Abandon() => receiver.Cancel();

    private IntegrationStatus StatusOf(ReceiveStatus status)
    {
        if (status != ReceiveStatus.Done) log.Warn($"fcopy: {PeerText.Escape(receiver.Destination, ShownCharacters)} is not copied: {receiver.Reason}");
        return status switch
        {
            ReceiveStatus.Done => IntegrationStatus.Success,
            ReceiveStatus.Exists => IntegrationStatus.AlreadyExists,
            ReceiveStatus.DiskFull => IntegrationStatus.DiskFull,
            ReceiveStatus.Refused => IntegrationStatus.InvalidArgument,
            ReceiveStatus.Failed => IntegrationStatus.Fail,
        };
    }
}
