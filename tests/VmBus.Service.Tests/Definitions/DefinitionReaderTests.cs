using System.Text.Json;
using VmBus.Service.Definitions;
using Xunit;

namespace VmBus.Service.Tests.Definitions;

/// <summary>Definitions are held against the schema, and every difference is named with its place.</summary>
public sealed class DefinitionReaderTests
{
    private const string Everything =
        """
        {
          "$schema": "partition.schema.json", "kernel": "/boot/k", "initrd": "/boot/i", "append": "-quiet root=/dev/sda", "bootEntry": "-1", "userData": "/u", "metaData": "/m", "cpus": 4, "memory": "2G", "maxMemory": "4G",
          "disks": [
            { "path": "/images/a,b.img", "format": "qcow2", "readOnly": true, "cache": "direct", "sector": 4096, "bus": "virtio", "id": "data" },
            { "path": "/images/c.img" }, { "vhostUser": "/run/a,b", "reconnect": 2 }
          ],
          "nics": [{ "bridge": "br0", "mac": "02:00:00:00:00:01", "queues": 2, "bus": "virtio", "id": "lan" }, { "user": true }, { "vhostUser": "/run/n" }],
          "console": "file:/var/log/web", "capture": "/tmp/frames", "vsock": "/run/web", "exec": true, "echo": true, "monitor": true, "integration": ["shutdown", "memory"], "noReboot": true,
          "stopTimeout": 7, "poll": 50, "vmbusVersion": "5.2", "sandbox": "spawn", "log": "info", "restart": "on-crash", "autostart": true
        }
        """;

    [Fact]
    public void Definition_becomes_options_of_vmbus_run()
    {
        PartitionDefinition definition = DefinitionReader.Read("web", Everything);
        Assert.Equal(
            [
                "--name", "web", "--memory", "2G,max=4G", "--stop-timeout", "7", "--console", "file:/var/log/web", "--kernel=/boot/k", "--initrd=/boot/i", "--append=-quiet root=/dev/sda",
                "--boot-entry=-1", "--user-data=/u", "--meta-data=/m", "--capture=/tmp/frames", "--vsock=/run/web", "--vmbus-version=5.2", "--sandbox=spawn", "--log=info", "--cpus", "4", "--poll", "50", "--exec", "--echo", "--monitor", "--no-reboot",
                "--integration", "shutdown,memory",
                "--disk", "/images/a,,b.img,format=qcow2,cache=direct,bus=virtio,id=data,readonly,sector=4096", "--disk", "/images/c.img",
                "--disk", "vhost-user=/run/a,,b,reconnect=2",
                "--nic", "bridge=br0,mac=02:00:00:00:00:01,bus=virtio,id=lan,queues=2", "--nic", "user", "--nic", "vhost-user=/run/n",
            ],
            definition.Options);
        Assert.Equal((RestartPolicy.OnCrash, true, TimeSpan.FromSeconds(7), 4), (definition.Restart, definition.Autostart, definition.StopTimeout, definition.Processors));
    }

    [Fact]
    public void Definition_of_a_kernel_alone_has_the_defaults_of_vmbus_run()
    {
        PartitionDefinition definition = DefinitionReader.Read("web", """{"kernel":"/k"}""");
        Assert.Equal(["--name", "web", "--memory", "1G", "--stop-timeout", "30", "--console", "none", "--kernel=/k"], definition.Options);
        Assert.Equal((RestartPolicy.Never, false, 1), (definition.Restart, definition.Autostart, definition.Processors));
    }

    [Fact]
    public void Definition_without_a_kernel_boots_its_first_disk()
    {
        PartitionDefinition definition = DefinitionReader.Read("web", """{"disks":[{"path":"/images/web.vhdx"}],"bootEntry":"1"}""");
        Assert.Equal(["--name", "web", "--memory", "1G", "--stop-timeout", "30", "--console", "none", "--boot-entry=1", "--disk", "/images/web.vhdx"], definition.Options);
    }

    [Theory]
    [InlineData("", "line 1, byte 1: it is no JSON")]
    [InlineData("{\n  \"kernel\": \"/k\",\n}", "line 3, byte 1: it is no JSON: The JSON object contains a trailing comma at the end")]
    [InlineData("""{"kernel":"/k","kernel":"/l"}""", "it is no JSON")]
    [InlineData("""{"kernel":"\ud800"}""", "half a character")]
    [InlineData("""{"kernel":"/k","\udc00":1}""", "half a character")]
    [InlineData("""{"disks":[{"path":"/a","sector":512.0}]}""", "disks[0].sector: 512.0 is not a whole number")]
    [InlineData("""{"disks":[{"path":"/a","sector":5.12e2}]}""", "disks[0].sector: 5.12e2 is not a whole number")]
    [InlineData("[]", "an array is not an object")]
    [InlineData("{}", "one of kernel, disks must be there, and none is")]
    [InlineData("""{"memory":"1G"}""", "one of kernel, disks must be there, and none is")]
    [InlineData("""{"kernel":"boot/k"}""", "kernel: 'boot/k' is not a path from /")]
    [InlineData("""{"kernel":"/k\n"}""", "kernel: '/k ' is not a path from /")]
    [InlineData("""{"kernel":"/k","cpu":2}""", "there is no 'cpu'; known are $schema, kernel,")]
    [InlineData("""{"kernel":"/k","cpus":65}""", "cpus: 65 is not 1 to 64 (virtual processors)")]
    [InlineData("""{"kernel":"/k","cpus":1e30}""", "cpus: 1e30 is not a whole number")]
    [InlineData("""{"kernel":"/k","cpus":"2"}""", "cpus: '2' is not a whole number")]
    [InlineData("""{"kernel":"/k","memory":"2Q"}""", "memory: '2Q' is not a size such as 512M or 2G")]
    [InlineData("""{"kernel":"/k","restart":"maybe"}""", "restart: 'maybe' is none of never, on-crash, always")]
    [InlineData("""{"kernel":"/k","disks":[{"path":"/a"},{"format":"raw"}]}""", "disks[1]: exactly one of path, vhostUser must be there, and none is")]
    [InlineData("""{"kernel":"/k","disks":[{"path":"/a","reconnect":2}]}""", "disks[0]: ")]
    [InlineData("""{"kernel":"/k","disks":[{"path":"/a","format":"qcow"}]}""", "disks[0].format: 'qcow' is none of raw, qcow2, vhdx, vhd, vmdk, iso")]
    [InlineData("""{"kernel":"/k","disks":[{"path":"/a","id":"a,b"}]}""", "disks[0].id: 'a,b' is not 1 to 32 printable")]
    [InlineData("""{"kernel":"/k","nics":[{"mac":"02:00:00:00:00:01"}]}""", "nics[0]: exactly one of tap, bridge, user, vhostUser must be there, and none is")]
    [InlineData("""{"kernel":"/k","nics":[{"tap":"a","user":true}]}""", "nics[0]: exactly one of tap, bridge, user, vhostUser must be there, and more are")]
    [InlineData("""{"kernel":"/k","nics":[{"tap":"a","mac":"01:00:00:00:00:01"}]}""", "nics[0]: ")]
    [InlineData("""{"kernel":"/k","integration":["kvq"]}""", "integration[0]: 'kvq' is none of shutdown,")]
    public void Wrong_definition_is_refused_with_place_and_cause(string text, string expected)
        => Assert.Contains(expected, Assert.Throws<DefinitionException>(() => DefinitionReader.Read("web", text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("n\u001b[2J\n")]
    [InlineData("{\"kernel\":\"/k\",\"disks\":[{\"path\":\"/a\\u001b[2J\",\"reconnect\":2}]}")]
    public void Reason_of_a_refusal_has_no_control_characters_of_the_text(string text)
    {
        DefinitionException refusal = Assert.Throws<DefinitionException>(() => DefinitionReader.Read("web", text));
        Assert.DoesNotContain(refusal.Message, char.IsControl);
        Assert.All(refusal.Problems, static problem => Assert.DoesNotContain(problem, char.IsControl));
    }

    [Fact]
    public void All_problems_of_a_definition_are_named_at_once()
        => Assert.Equal(3, Assert.Throws<DefinitionException>(() => DefinitionReader.Read("web", """{"cpus":0,"memory":1}""")).Problems.Count);

    [Theory]
    [InlineData("")]
    [InlineData("../web")]
    [InlineData(".web")]
    [InlineData("a b")]
    [InlineData("a/b")]
    public void Name_that_is_no_file_name_is_refused(string name)
        => Assert.Contains("cannot be a partition's name", Assert.Throws<DefinitionException>(() => DefinitionReader.Read(name, """{"kernel":"/k"}""")).Message, StringComparison.Ordinal);

    [Fact]
    public void Sample_has_every_property_of_the_schema()
    {
        using var sample = JsonDocument.Parse(Everything);
        Assert.Equal(
            DefinitionReader.Schema.GetProperty("properties").EnumerateObject().Select(static one => one.Name).Order(StringComparer.Ordinal),
            sample.RootElement.EnumerateObject().Select(static one => one.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Autostart_is_changed_and_nothing_else()
    {
        PartitionDefinition definition = DefinitionReader.Read("web", Everything);
        PartitionDefinition changed = DefinitionFolder.WithAutostart(definition, false);
        Assert.False(changed.Autostart);
        Assert.Equal(definition.Options, changed.Options);
    }
}
