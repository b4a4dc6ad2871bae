using VmBus.Protocol.VhostUser;
using VmBus.Protocol.Virtio;
using VmBus.TestKit.SpecTables;
using VmBus.TestKit.VhostUser;
using Xunit;

namespace VmBus.Virtio.Tests.VhostUser;

/// <summary>Every message about a queue in every state of it, as the table of the page says.</summary>
public sealed class VhostUserStateTableTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly string[] Names = ["Idle", "Disabled", "Running"];

    private readonly Export _export = new();
    private readonly BlockDriver _driver = new();

    public static TheoryData<string, string, string> States()
    {
        SpecTable table = SpecPage.Load("vhost-user.md").Table("states");
        var data = new TheoryData<string, string, string>();
        for (int row = 0; row < table.RowCount; row++)
        {
            foreach (string name in Names) data.Add(table.Cell(row, "message"), name, table.Cell(row, name));
        }

        return data;
    }

    private FrontEnd Front => _driver.FrontEnd!;

    public void Dispose()
    {
        _driver.Dispose();
        _export.Dispose();
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Message_in_a_state_does_what_the_page_says(string message, string state, string expected)
    {
        _driver.Connect(_export.Socket);
        AssertState("Running");
        if (state == "Disabled") Play("SET_VRING_ENABLE 0");
        if (state == "Idle") Play("GET_VRING_BASE");

        Play(message);

        AssertState(expected.StartsWith("→ ", StringComparison.Ordinal) ? expected[2..] : expected);
    }

    private void Play(string message)
    {
        switch (message)
        {
            case "SET_VRING_KICK":
                _driver.SendKick();
                break;
            case "SET_VRING_NUM":
                Front.Send(VhostUserRequest.SetQueueSize, 0, BlockDriver.QueueSize);
                break;
            case "SET_VRING_ADDR":
                _driver.SendAddresses();
                break;
            case "SET_VRING_BASE":
                _driver.SendBase();
                break;
            case "SET_VRING_CALL":
                _driver.SendCall();
                break;
            case "SET_VRING_ENABLE 1":
                Front.Send(VhostUserRequest.SetQueueEnable, 0, 1);
                break;
            case "SET_VRING_ENABLE 0":
                Front.Send(VhostUserRequest.SetQueueEnable, 0, 0);
                break;
            case "SET_FEATURES":
                Front.Send(VhostUserRequest.SetFeatures, _driver.Agreed & ~(ulong)BlockFeatures.MultiQueue);
                break;
            case "SET_FEATURES without bit 30":
                Front.Send(VhostUserRequest.SetFeatures, _driver.Agreed & ~(ulong)VirtioFeatures.ProtocolFeatures);
                break;
            case "GET_VRING_BASE":
                Front.Send(VhostUserRequest.GetQueueBase, 0, 0);
                Assert.NotNull(Front.Receive(VhostUserRequest.GetQueueBase));
                break;
            case "SET_MEM_TABLE":
                Front.ShareMemory(_driver.Memory);
                break;
            case "RESET_DEVICE":
                Front.Send(VhostUserRequest.ResetDevice, []);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(message), message, "No such row.");
        }

        Settle();
    }

    private void AssertState(string state)
    {
        _driver.Submit(0, BlockRequestType.Read, 0, [], 512);
        if (state == "Disabled")
        {
            AssertIdles();
            Play("SET_VRING_ENABLE 1");
        }

        if (state == "Idle")
        {
            // It may have everything but a kick.
            Play("SET_VRING_ENABLE 1");
            AssertIdles();
            Play("SET_VRING_KICK");
        }

        Assert.Equal((0, BlockStatus.Ok), _driver.TryWait(Patience));
    }

    private void AssertIdles()
    {
        Settle();
        Assert.Null(_driver.TryWait(TimeSpan.Zero));
    }

    // Messages are handled one after the other: an answer says that those before it were.
    private void Settle() => _ = Front.Get(VhostUserRequest.GetFeatures);
}
