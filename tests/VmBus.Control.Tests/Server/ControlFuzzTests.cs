using System.Buffers.Binary;
using System.Net.Sockets;
using VmBus.Control.Server;
using VmBus.Management.Client;
using VmBus.Management.Framing;
using VmBus.Management.Messages;
using VmBus.Management.Values;
using VmBus.Management.Verbs;
using VmBus.TestKit.SpecTables;
using Xunit;

namespace VmBus.Control.Tests.Server;

/// <summary>A server that is sent anything serves its other clients, and every client afterwards.</summary>
public sealed class ControlFuzzTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Server_that_is_sent_changed_and_random_frames_serves_the_next_client(int seed)
    {
        var random = new Random(seed);
        using var server = new RunningServer(new ControlLimits { MessageTime = TimeSpan.FromSeconds(1) });
        server.Partition.Resizing.Set();
        server.Partition.Removal.SetResult();
        await using ControlClient witness = await server.ConnectAsync();
        byte[][] originals =
        [
            SpecVector.Load("control-hello-request"),
            SpecVector.Load("control-disk-add-request"),
            .. new[] { "partition.show", "disk.list", "nic.list", "events.follow", "partition.poweroff" }
                .Select(verb => ControlMessage.Request(2, verb, NoValue.Instance).ToArray()),
            ControlMessage.Request(3, "console.attach", new AttachRequest(100)).ToArray(),
            ControlMessage.Request(4, "disk.resize", new ResizeRequest("system", 100)).ToArray(),
            ControlMessage.Request(5, "disk.remove", new RemoveRequest("system")).ToArray(),
            ControlMessage.Request(6, "nic.add", new AddRequest("tap=vnet0")).ToArray(),
        ];
        for (int round = 0; round < 300; round++)
        {
            await using NetworkStream client = random.Next(4) == 0 ? await server.ConnectRawAsync() : await server.GreetRawAsync();
            try
            {
                for (int messages = random.Next(1, 6); messages > 0; messages--)
                    await client.WriteAsync(Change(originals[random.Next(originals.Length)], random), server.Timely);
                if (random.Next(2) == 0) client.Socket.Shutdown(SocketShutdown.Send);
                if (random.Next(2) == 0) _ = await server.ReceiveAsync(client);
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                // The server has ended the connection meanwhile.
            }

            if (round % 50 == 0) await witness.CallAsync(PartitionVerb.Show, NoValue.Instance, server.Timely);
        }

        await witness.CallAsync(PartitionVerb.ListDisks, NoValue.Instance, server.Timely);
    }

    // The length is often made right again, so that what is behind it is looked at.
    private static byte[] Change(byte[] frame, Random random)
    {
        byte[] changed = [.. frame];
        for (int change = random.Next(4); change > 0; change--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
        if (random.Next(3) == 0) changed = changed[..random.Next(FrameHeader.Size, changed.Length)];
        if (random.Next(8) == 0) random.NextBytes(changed.AsSpan(FrameHeader.Size));
        if (random.Next(8) != 0) BinaryPrimitives.WriteInt32LittleEndian(changed, changed.Length - FrameHeader.Size);
        return changed;
    }
}
