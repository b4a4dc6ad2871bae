using System.Buffers.Binary;
using System.Text;

namespace VmBus.Machine.Acpi;

/// <summary>Writes ACPI Machine Language: the few terms that a static namespace of devices needs.</summary>
/// <remarks>Names are given as in ASL (<c>_SB</c>, <c>\_SB.VMOD</c>); segments are padded to four characters. Source: ACPI 6.5 §20.2.</remarks>
internal sealed class AmlBuilder
{
    private const byte ZeroOp = 0x00;
    private const byte OneOp = 0x01;
    private const byte NameOp = 0x08;
    private const byte BytePrefix = 0x0A;
    private const byte WordPrefix = 0x0B;
    private const byte DWordPrefix = 0x0C;
    private const byte StringPrefix = 0x0D;
    private const byte QWordPrefix = 0x0E;
    private const byte ScopeOp = 0x10;
    private const byte BufferOp = 0x11;
    private const byte PackageOp = 0x12;
    private const byte DualNamePrefix = 0x2E;
    private const byte MultiNamePrefix = 0x2F;
    private const byte ExtOpPrefix = 0x5B;
    private const byte DeviceOp = 0x82;

    private readonly List<byte> _bytes = [];

    /// <summary>What was written so far.</summary>
    internal byte[] ToArray() => [.. _bytes];

    /// <summary><c>Scope (path) { body }</c></summary>
    internal AmlBuilder Scope(string path, Action<AmlBuilder> body) => Block([ScopeOp], path, body);

    /// <summary><c>Device (name) { body }</c></summary>
    internal AmlBuilder Device(string name, Action<AmlBuilder> body) => Block([ExtOpPrefix, DeviceOp], name, body);

    /// <summary><c>Name (name, value)</c> of an integer.</summary>
    internal AmlBuilder Name(string name, ulong value)
    {
        AppendName(name);
        AppendInteger(value);
        return this;
    }

    /// <summary><c>Name (name, "value")</c>; ASCII.</summary>
    internal AmlBuilder Name(string name, string value)
    {
        AppendName(name);
        _bytes.Add(StringPrefix);
        _bytes.AddRange(Encoding.ASCII.GetBytes(value));
        _bytes.Add(0);
        return this;
    }

    /// <summary><c>Name (name, Package () { elements })</c> of integers.</summary>
    internal AmlBuilder Package(string name, params ReadOnlySpan<byte> elements)
    {
        var body = new AmlBuilder();
        body._bytes.Add((byte)elements.Length);
        foreach (byte element in elements) body.AppendInteger(element);
        AppendName(name);
        _bytes.Add(PackageOp);
        AppendWithLength(body);
        return this;
    }

    /// <summary><c>Name (name, ResourceTemplate () { ... })</c></summary>
    internal AmlBuilder Name(string name, ResourceTemplate template)
    {
        byte[] resources = template.ToArray();
        var body = new AmlBuilder();
        body.AppendInteger((ulong)resources.Length);
        body._bytes.AddRange(resources);
        AppendName(name);
        _bytes.Add(BufferOp);
        AppendWithLength(body);
        return this;
    }

    /// <summary><c>Name (_HID, EisaId (id))</c>: three letters and four hexadecimal digits, compressed.</summary>
    internal AmlBuilder EisaName(string name, string id)
    {
        uint letters = (uint)(((id[0] - '@') << 10) | ((id[1] - '@') << 5) | (id[2] - '@'));
        uint number = Convert.ToUInt32(id[3..], 16);
        return Name(name, (ulong)BinaryPrimitives.ReverseEndianness((letters << 16) | number));
    }

    private AmlBuilder Block(ReadOnlySpan<byte> operation, string path, Action<AmlBuilder> body)
    {
        var inner = new AmlBuilder();
        inner.AppendPath(path);
        body(inner);
        _bytes.AddRange(operation);
        AppendWithLength(inner);
        return this;
    }

    private void AppendName(string name)
    {
        _bytes.Add(NameOp);
        AppendPath(name);
    }

    private void AppendPath(string path)
    {
        string relative = path.TrimStart('\\');
        if (relative.Length != path.Length) _bytes.Add((byte)'\\');
        string[] segments = relative.Split('.');
        if (segments.Length == 2)
        {
            _bytes.Add(DualNamePrefix);
        }
        else if (segments.Length > 2)
        {
            _bytes.Add(MultiNamePrefix);
            _bytes.Add((byte)segments.Length);
        }

        foreach (string segment in segments) _bytes.AddRange(Encoding.ASCII.GetBytes(segment.PadRight(4, '_')));
    }

    private void AppendInteger(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        (byte prefix, int count) = value switch
        {
            0 => (ZeroOp, 0),
            1 => (OneOp, 0),
            <= byte.MaxValue => (BytePrefix, 1),
            <= ushort.MaxValue => (WordPrefix, 2),
            <= uint.MaxValue => (DWordPrefix, 4),
            _ => (QWordPrefix, 8),
        };
        _bytes.Add(prefix);
        _bytes.AddRange(bytes[..count]);
    }

    // The package length counts its own bytes: one for up to 63, else two to four with the low four bits in the first.
    private void AppendWithLength(AmlBuilder body)
    {
        int content = body._bytes.Count;
        int extra = content + 1 <= 0x3F ? 0 : content + 2 <= 0xFFF ? 1 : content + 3 <= 0xF_FFFF ? 2 : 3;
        int length = content + 1 + extra;
        if (extra == 0)
        {
            _bytes.Add((byte)length);
        }
        else
        {
            _bytes.Add((byte)((extra << 6) | (length & 0x0F)));
            for (int i = 0; i < extra; i++) _bytes.Add((byte)(length >> (4 + (8 * i))));
        }

        _bytes.AddRange(body._bytes);
    }
}
