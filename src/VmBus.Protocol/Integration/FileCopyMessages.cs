using System.Runtime.InteropServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Integration;

/// <summary>Steps of a file's copy. Source: protocol-spec/integration-data.md#file-copy-operations.</summary>
public enum FileCopyOperation : uint
{
    /// <summary>Make the file.</summary>
    Start = 0,

    /// <summary>A piece of it.</summary>
    Write = 1,

    /// <summary>It is whole.</summary>
    Complete = 2,

    /// <summary>Forget it.</summary>
    Cancel = 3,
}

/// <summary>What the guest may do to make the file. Source: protocol-spec/integration-data.md#file-copy-flags.</summary>
[Flags]
public enum FileCopyFlags : uint
{
    /// <summary>Nothing: the folder is there and the file is not.</summary>
    None = 0,

    /// <summary>Replace a file of this name.</summary>
    Overwrite = 1,

    /// <summary>Make the folders on the way.</summary>
    CreatePath = 2,
}

/// <summary>Bodies of file copy messages. Source: protocol-spec/integration-data.md#file-copy.</summary>
/// <remarks>All begin with [0) operation u32 · [4) two identifiers of 16 bytes, zero.</remarks>
public static class FileCopyMessages
{
    /// <summary>Bytes of a start.</summary>
    public const int StartSize = 1088;

    /// <summary>Bytes of a write, whatever it carries.</summary>
    public const int WriteSize = 6196;

    /// <summary>Bytes of a completion or a cancellation.</summary>
    public const int EndSize = 36;

    /// <summary>Characters of a name or a folder, with the NUL at its end.</summary>
    public const int MaximumCharacters = 260;

    /// <summary>File bytes in one write.</summary>
    public const int MaximumDataBytes = 6144;

    private const int NameOffset = 36;
    private const int FolderOffset = 556;
    private const int FlagsOffset = 1076;
    private const int FileBytesOffset = 1080;
    private const int PositionOffset = 40;
    private const int CountOffset = 48;
    private const int DataOffset = 52;

    /// <summary>Writes a start into a body of zeros. Name and folder are shorter than <see cref="MaximumCharacters"/>.</summary>
    public static void WriteStart(Span<byte> body, string folder, string name, FileCopyFlags flags, long fileBytes)
    {
        WriteUInt32LittleEndian(body, (uint)FileCopyOperation.Start);
        WriteText(body[NameOffset..FolderOffset], name);
        WriteText(body[FolderOffset..FlagsOffset], folder);
        WriteUInt32LittleEndian(body[FlagsOffset..], (uint)flags);
        WriteUInt64LittleEndian(body[FileBytesOffset..], (ulong)fileBytes);
    }

    /// <summary>Writes a piece of the file into a body of zeros.</summary>
    public static void WriteData(Span<byte> body, long position, ReadOnlySpan<byte> data)
    {
        WriteUInt32LittleEndian(body, (uint)FileCopyOperation.Write);
        WriteUInt64LittleEndian(body[PositionOffset..], (ulong)position);
        WriteUInt32LittleEndian(body[CountOffset..], (uint)data.Length);
        data.CopyTo(body[DataOffset..]);
    }

    /// <summary>Writes <see cref="FileCopyOperation.Complete"/> or <see cref="FileCopyOperation.Cancel"/> into a body of zeros.</summary>
    public static void WriteEnd(Span<byte> body, FileCopyOperation operation) => WriteUInt32LittleEndian(body, (uint)operation);

    /// <summary>What a body asks for. Never throws.</summary>
    /// <returns>False when it is too short for its operation, or of an unknown one.</returns>
    public static bool TryReadOperation(ReadOnlySpan<byte> body, out FileCopyOperation operation)
    {
        operation = body.Length < sizeof(uint) ? (FileCopyOperation)uint.MaxValue : (FileCopyOperation)ReadUInt32LittleEndian(body);
        return body.Length >= operation switch
        {
            FileCopyOperation.Start => StartSize,
            FileCopyOperation.Write => WriteSize,
            FileCopyOperation.Complete or FileCopyOperation.Cancel => EndSize,
            _ => int.MaxValue,
        };
    }

    /// <summary>Reads a start of the right length. Text ends at its NUL, or with its field.</summary>
    public static void ReadStart(ReadOnlySpan<byte> body, out string folder, out string name, out FileCopyFlags flags, out ulong fileBytes)
    {
        name = ReadText(body[NameOffset..FolderOffset]);
        folder = ReadText(body[FolderOffset..FlagsOffset]);
        flags = (FileCopyFlags)ReadUInt32LittleEndian(body[FlagsOffset..]);
        fileBytes = ReadUInt64LittleEndian(body[FileBytesOffset..]);
    }

    /// <summary>Reads a piece of the right length.</summary>
    /// <returns>False when it claims more data than a piece has room for.</returns>
    public static bool TryReadData(ReadOnlySpan<byte> body, out ulong position, out ReadOnlySpan<byte> data)
    {
        position = ReadUInt64LittleEndian(body[PositionOffset..]);
        uint count = ReadUInt32LittleEndian(body[CountOffset..]);
        data = count <= MaximumDataBytes ? body.Slice(DataOffset, (int)count) : default;
        return count <= MaximumDataBytes;
    }

    private static string ReadText(ReadOnlySpan<byte> field)
    {
        ReadOnlySpan<char> text = MemoryMarshal.Cast<byte, char>(field);
        int end = text.IndexOf('\0');
        return new string(end < 0 ? text : text[..end]);
    }

    private static void WriteText(Span<byte> field, string text) => MemoryMarshal.AsBytes(text.AsSpan()).CopyTo(field[..^2]);
}
