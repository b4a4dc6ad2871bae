using VmBus.Client.Integration;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Files;

/// <summary>Joins a receiver to the channel itself, which kernels since 6.10 leave to programs. Source: protocol-spec/integration-data.md#file-copy.</summary>
internal sealed class FileCopyGuest(FileCopySteps steps) : IIntegrationGuest
{
    /// <inheritdoc/>
    public IntegrationStatus Serve(IntegrationVersion version, Span<byte> body)
    {
        if (!FileCopyMessages.TryReadOperation(body, out FileCopyOperation operation)) return IntegrationStatus.Fail;
        switch (operation)
        {
            case FileCopyOperation.Start:
                FileCopyMessages.ReadStart(body, out string folder, out string name, out FileCopyFlags flags, out ulong bytes);
                return steps.Start(folder, name, flags, bytes);
            case FileCopyOperation.Write:
                return FileCopyMessages.TryReadData(body, out ulong position, out ReadOnlySpan<byte> data)
                    ? steps.Write(position, data)
                    : IntegrationStatus.InvalidArgument;
            case FileCopyOperation.Complete or FileCopyOperation.Cancel:
                return steps.End(operation);
            default:
                return IntegrationStatus.Fail;
        }
    }

    /// <inheritdoc/>
    public void Abandon() => steps.Abandon();
}
