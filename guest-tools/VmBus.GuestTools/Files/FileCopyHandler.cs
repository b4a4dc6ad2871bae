using System.Buffers.Binary;
using VmBus.GuestTools.Daemon;
using VmBus.GuestTools.KeyValues;
using VmBus.Protocol.Integration;

namespace VmBus.GuestTools.Files;

/// <summary>Joins a receiver to <c>/dev/vmbus/hv_fcopy</c>, which kernels up to 6.9 have.</summary>
/// <remarks>
/// Messages are those of the host with other text: names are UTF-8. Start: [36) name 520 bytes · [556) folder 520 · [1076) flags u32 · [1080) file bytes
/// u64. Write: [40) position u64 · [48) count u32 · [52) data. The answer is the status alone, u32. Source: protocol-spec/integration-data.md#file-copy-daemon.
/// </remarks>
internal sealed class FileCopyHandler(FileCopySteps steps) : IRequestHandler
{
    /// <summary>The device.</summary>
    public const string Device = "/dev/vmbus/hv_fcopy";

    private const int NameOffset = 36;
    private const int FolderOffset = 556;
    private const int FlagsOffset = 1076;
    private const int FileBytesOffset = 1080;
    private const int PositionOffset = 40;
    private const int CountOffset = 48;
    private const int DataOffset = 52;

    private readonly byte[] _answer = new byte[4];

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Registration { get; } = new byte[] { 1, 0, 0, 0 };

    /// <inheritdoc/>
    public int MaximumRequestBytes => FileCopyMessages.WriteSize;

    /// <inheritdoc/>
    public TimeSpan? TimeLeft => null;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Answer(Memory<byte> request)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_answer, (uint)Carry(request.Span));
        return _answer;
    }

    /// <inheritdoc/>
    public void Answered()
    {
        // Nothing waits for it.
    }

    /// <inheritdoc/>
    public void Expire()
    {
        // There is no limit: the host is asked for each piece.
    }

    /// <inheritdoc/>
    public void Close() => steps.Abandon();

    private IntegrationStatus Carry(ReadOnlySpan<byte> request)
    {
        if (request.Length < sizeof(uint)) return IntegrationStatus.Fail;
        var operation = (FileCopyOperation)BinaryPrimitives.ReadUInt32LittleEndian(request);
        switch (operation)
        {
            case FileCopyOperation.Start when request.Length >= FileCopyMessages.StartSize:
                return steps.Start(
                    FixedText.Read(request[FolderOffset..FlagsOffset]),
                    FixedText.Read(request[NameOffset..FolderOffset]),
                    (FileCopyFlags)BinaryPrimitives.ReadUInt32LittleEndian(request[FlagsOffset..]),
                    BinaryPrimitives.ReadUInt64LittleEndian(request[FileBytesOffset..]));
            case FileCopyOperation.Write when request.Length >= DataOffset:
                uint count = BinaryPrimitives.ReadUInt32LittleEndian(request[CountOffset..]);
                if (count > request.Length - DataOffset) return IntegrationStatus.InvalidArgument;
                return steps.Write(BinaryPrimitives.ReadUInt64LittleEndian(request[PositionOffset..]), request.Slice(DataOffset, (int)count));
            case FileCopyOperation.Complete or FileCopyOperation.Cancel:
                return steps.End(operation);
            default:
                return IntegrationStatus.Fail;
        }
    }
}
