using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace VmBus.Protocol.Exec;

/// <summary>The first frame: a command and how to run it. Little-endian: 12 bytes, then strings.</summary>
/// <remarks>
/// [0) version u16 · [2) flags u16 · [4) rows u16 · [6) columns u16 · [8) argument count u16 · [10) variable count u16 · [12) user, folder, arguments, variables:
/// each its bytes u16, then UTF-8 without a zero byte. Source: protocol-spec/exec.md#request.
/// </remarks>
public sealed record ExecRequest
{
    /// <summary>Bytes before the strings.</summary>
    public const int FixedBytes = 12;

    private const ExecRequestFlags KnownFlags = ExecRequestFlags.Terminal | ExecRequestFlags.Input;

    /// <summary>Whether it gets a terminal, and input.</summary>
    public ExecRequestFlags Flags { get; init; }

    /// <summary>The terminal's size.</summary>
    public ExecWindowSize Window { get; init; }

    /// <summary>The user that it runs as, by name; empty for the user that the service runs as.</summary>
    public string User { get; init; } = "";

    /// <summary>The folder that it begins in; empty for the user's own.</summary>
    public string Folder { get; init; } = "";

    /// <summary>The program, by name or path, and its arguments; at least the first.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>More for its environment, each NAME=VALUE.</summary>
    public IReadOnlyList<string> Variables { get; init; } = [];

    /// <summary>The version of a request, which is at its beginning in every version.</summary>
    /// <returns>False when short.</returns>
    public static bool TryReadVersion(ReadOnlySpan<byte> source, out ushort version) => TryReadUInt16LittleEndian(source, out version);

    /// <summary>
    /// Reads a request of version 1. False when it is short, has bytes after the last string, unknown flags, no program, a variable without a name, or a string that is
    /// no UTF-8 or has a zero byte. Never throws.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out ExecRequest? value)
    {
        value = null;
        if (source.Length < FixedBytes || ReadUInt16LittleEndian(source) != ExecProtocol.Version) return false;
        var flags = (ExecRequestFlags)ReadUInt16LittleEndian(source[2..]);
        int argumentCount = ReadUInt16LittleEndian(source[8..]), variableCount = ReadUInt16LittleEndian(source[10..]);
        if ((flags & ~KnownFlags) != 0 || argumentCount == 0) return false;
        ReadOnlySpan<byte> rest = source[FixedBytes..];
        if (!TryTake(ref rest, out string user) || !TryTake(ref rest, out string folder)) return false;
        // Lists grow with the strings that are there, not by what the counts claim.
        List<string> arguments = [], variables = [];
        for (; argumentCount > 0; argumentCount--)
        {
            if (!TryTake(ref rest, out string argument)) return false;
            arguments.Add(argument);
        }

        for (; variableCount > 0; variableCount--)
        {
            if (!TryTake(ref rest, out string variable) || variable.IndexOf('=', StringComparison.Ordinal) <= 0) return false;
            variables.Add(variable);
        }

        if (!rest.IsEmpty || arguments[0].Length == 0) return false;
        _ = ExecWindowSize.TryRead(source.Slice(4, ExecWindowSize.Size), out ExecWindowSize window);
        value = new ExecRequest { Flags = flags, Window = window, User = user, Folder = folder, Arguments = arguments, Variables = variables };
        return true;
    }

    /// <summary>Writes a request of version 1.</summary>
    /// <returns>Bytes written; 0 when it does not fit, a string has a zero byte, or a count or length is above 65535.</returns>
    public int TryWrite(Span<byte> destination)
    {
        if (destination.Length < FixedBytes || Arguments.Count > ushort.MaxValue || Variables.Count > ushort.MaxValue) return 0;
        WriteUInt16LittleEndian(destination, ExecProtocol.Version);
        WriteUInt16LittleEndian(destination[2..], (ushort)Flags);
        Window.Write(destination[4..]);
        WriteUInt16LittleEndian(destination[8..], (ushort)Arguments.Count);
        WriteUInt16LittleEndian(destination[10..], (ushort)Variables.Count);
        Span<byte> rest = destination[FixedBytes..];
        bool fits = TryPut(ref rest, User) && TryPut(ref rest, Folder);
        foreach (string text in Arguments.Concat(Variables)) fits = fits && TryPut(ref rest, text);
        return fits ? destination.Length - rest.Length : 0;
    }

    private static bool TryTake(ref ReadOnlySpan<byte> rest, out string text)
    {
        text = "";
        if (rest.Length < sizeof(ushort)) return false;
        int bytes = ReadUInt16LittleEndian(rest);
        rest = rest[sizeof(ushort)..];
        if (rest.Length < bytes) return false;
        ReadOnlySpan<byte> taken = rest[..bytes];
        rest = rest[bytes..];
        if (taken.Contains((byte)0) || !System.Text.Unicode.Utf8.IsValid(taken)) return false;
        text = Encoding.UTF8.GetString(taken);
        return true;
    }

    private static bool TryPut(ref Span<byte> rest, string text)
    {
        if (rest.Length < sizeof(ushort) || text.Contains('\0', StringComparison.Ordinal)) return false;
        if (!Encoding.UTF8.TryGetBytes(text, rest[sizeof(ushort)..], out int bytes) || bytes > ushort.MaxValue) return false;
        WriteUInt16LittleEndian(rest, (ushort)bytes);
        rest = rest[(sizeof(ushort) + bytes)..];
        return true;
    }
}
