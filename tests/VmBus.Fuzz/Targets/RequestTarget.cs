using System.Buffers;
using VmBus.Cli.Tests;
using VmBus.Control.Verbs;
using VmBus.Fuzz.Engine;
using VmBus.Management.MessagePack;
using VmBus.Management.Messages;
using VmBus.TestKit.Host;
using static VmBus.Fuzz.Engine.PropertyException;

namespace VmBus.Fuzz.Targets;

/// <summary>Requests of any parameters, carried out. Each is answered, or refused in one line for a reason that is the request's.</summary>
internal abstract class RequestTarget : IFuzzTarget
{
    private static readonly string[] Keys =
    [
        "action", "addresses", "bytes", "channels", "count", "create_path", "definition", "device", "dhcp", "enabled", "family", "force", "gateways", "guest_path", "id", "key", "limit_ms", "name", "name_servers",
        "nic", "options", "overwrite", "packets", "path", "pool", "replace", "subnets", "value", "wait", "unknown",
    ];

    private readonly ArrayBufferWriter<byte> _message = new();
    private string[]? _names;

    public abstract string Name { get; }

    public abstract string What { get; }

    public IEnumerable<byte[]> Seeds => [[1, 0, 3, 17, 0, 1, 6, 0, 2, 25, 3, 1], [1, 2, 2, 17, 0, 2, 9, 3, 1], [1, 5, 2, 20, 0, 4, 14, 0, 1], [4, 7, 4, 17, 0, 1, 1, 2, 0, 1, 16, 2, 200, 28, 3, 0], [0, 0x94, 0, 1, 0xA1, 0x61, 0x80]];

    /// <summary>The verbs, by their names in the order of <see cref="VerbTable.Names"/>.</summary>
    protected abstract VerbTable Table { get; }

    /// <summary>Texts of parameters.</summary>
    protected abstract string[] Texts { get; }

    /// <summary>Verbs that are not carried out, because they start programs.</summary>
    protected virtual IReadOnlyList<string> Excepted => [];

    public void Execute(ReadOnlySpan<byte> input)
    {
        var steps = new FuzzInput(input);
        string[] names = _names ??= [.. Table.Names];
        for (int requests = 0; requests < 4 && !steps.IsEmpty; requests++)
        {
            bool isRaw = steps.Byte() % 8 == 0;
            if (isRaw) Carry(steps.Rest.ToArray());
            else Carry(Request(ref steps, names));
            if (isRaw) break;
        }

        Forget();
    }

    public abstract void Dispose();

    /// <summary>After each input.</summary>
    protected abstract void Forget();

    private void Carry(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            var request = ControlMessage.Read(bytes);
            if (request.Kind != MessageKind.Request || Excepted.Contains(request.Name)) return;
            ReadOnlyMemory<byte> answer = Table.AnswerAsync(request, CancellationToken.None).GetAwaiter().GetResult();
            Must(ControlMessage.Read(answer[4..]) is { Kind: MessageKind.Response, Error: null } response && response.Id == request.Id, "An answer that is none.");
        }
        catch (ControlException refusal)
        {
            Must(refusal.Code is ControlErrorCode.BadMessage or ControlErrorCode.UnknownVerb or ControlErrorCode.BadParameters or ControlErrorCode.Failed, $"Refused with {refusal.Code}.");
            Must(!refusal.Message.Contains('\n', StringComparison.Ordinal), "A refusal of two lines.");
        }
    }

    private ReadOnlyMemory<byte> Request(ref FuzzInput input, string[] names)
    {
        _message.ResetWrittenCount();
        var writer = new MessagePackWriter(_message);
        writer.WriteArrayHeader(4);
        writer.Write(0);
        writer.Write((long)input.Byte());
        string name = names[input.Below(names.Length)];
        writer.Write(Excepted.Contains(name) ? names[0] : name);
        int pairs = input.Byte() & 7;
        writer.WriteMapHeader(pairs);
        for (int i = 0; i < pairs; i++)
        {
            writer.Write(Keys[input.Below(Keys.Length)]);
            Value(ref input, ref writer);
        }

        writer.Flush();
        return _message.WrittenMemory;
    }

    private void Value(ref FuzzInput input, ref MessagePackWriter writer)
    {
        switch (input.Byte() % 6)
        {
            case 0 or 1:
                writer.Write(Texts[input.Below(Texts.Length)]);
                break;
            case 2:
                writer.Write((input.Byte() & 7) == 7 ? (long)input.UInt64() : input.Number());
                break;
            case 3:
                writer.Write((input.Byte() & 1) != 0);
                break;
            case 4:
                int count = input.Byte() & 3;
                writer.WriteArrayHeader(count);
                for (; count > 0; count--) writer.Write(Texts[input.Below(Texts.Length)]);
                break;
            default:
                byte[] block = input.Block(64);
                writer.Write(System.Text.Encoding.Latin1.GetString(block));
                break;
        }
    }
}

/// <summary>The verbs of a partition and of its guest.</summary>
internal sealed class VerbTarget : RequestTarget
{
    private readonly RecordingPartition _partition = new();
    private readonly RecordingGuest _guest = new();

    public VerbTarget() => Table = new VerbTable(new PartitionVerbs(_partition, TimeSpan.FromSeconds(30)), new GuestVerbs(_guest));

    public override string Name => "verbs";

    public override string What => "requests to a partition and its guest";

    protected override VerbTable Table { get; }

    protected override string[] Texts { get; } =
    [
        "system", "lan", "/images/a.img", "/a,,b.img,readonly,id=x", "a.img", "/d,format=qcow2,cache=direct,sector=4096", "vhost-user=/run/s,reconnect=2", "/d,sector=1", "tap=vnet0,mac=52:54:00:12:34:56,queues=2", "user",
        "bridge=br0,bus=virtio,id=lan", "tap=../x", "", "reboot", "poweroff", "hibernate", "guest", "auto", "external", "key", "ipv4", "ipv6", "10.0.0.2", "255.0.0.0", "fd00::1", "64", "/var/tmp/", "/a\0b", "\ud800", "\n",
    ];

    protected override void Forget()
    {
        _partition.Asked.Clear();
        ((RecordingGuest)_partition.Integration).Asked.Clear();
        _guest.Asked.Clear();
    }

    public override void Dispose()
    {
    }
}
