using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using VmBus.Cli.Import;
using Xunit;

namespace VmBus.Cli.Tests;

/// <summary>Files of libvirt and Hyper-V as definitions, and what is said of the rest.</summary>
public sealed class ImportTests : IDisposable
{
    private const string Domain = """
        <domain type='kvm' id='3'>
          <name>web server</name>
          <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>
          <metadata><app xmlns='http://example.org/app'>x</app></metadata>
          <memory unit='GiB'>4</memory>
          <currentMemory unit='KiB'>2097152</currentMemory>
          <vcpu placement='static' current='2'>8</vcpu>
          <os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><loader readonly='yes'>/usr/share/OVMF/OVMF_CODE.fd</loader><boot dev='hd'/></os>
          <features><acpi/><apic/></features>
          <cpu mode='host-passthrough'/>
          <on_reboot>destroy</on_reboot>
          <on_crash>restart</on_crash>
          <devices>
            <emulator>/usr/bin/qemu-system-x86_64</emulator>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/><source file='/images/a,b &amp; c.qcow2'/><target dev='vda' bus='virtio'/><iotune/></disk>
            <disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/data'/><target dev='sda' bus='scsi'/><readonly/></disk>
            <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='/images/cd.iso'/><target dev='sdb' bus='sata'/></disk>
            <disk type='file' device='cdrom'><target dev='sdc' bus='sata'/></disk>
            <disk type='network' device='disk'><source protocol='rbd' name='pool/image'/><target dev='vdb' bus='virtio'/></disk>
            <disk type='file' device='floppy'><source file='/images/f.img'/><target dev='fda'/></disk>
            <interface type='bridge'><mac address='52:54:00:11:22:33'/><source bridge='br0'/><model type='virtio'/><driver queues='4'/></interface>
            <interface type='network'><mac address='52:54:00:aa:bb:cc'/><source network='default'/><model type='e1000'/></interface>
            <interface type='user'/>
            <serial type='pty'><target port='0'/></serial>
            <console type='pty'><target type='serial' port='0'/></console>
            <graphics type='vnc'/>
            <controller type='usb'/><controller type='usb'/>
            <hostdev mode='subsystem'/>
          </devices>
        </domain>
        """;

    private const string Configuration = """
        <?xml version="1.0" encoding="utf-16" standalone="yes"?>
        <configuration>
          <_83f8638b-8dca-4152-9eda-2ca8b33039b4_>
            <controller0><drive0><pathname type="string">C:\VMs\web\Virtual Hard Disks\web.vhdx</pathname><type type="string">VHD</type></drive0>
              <drive1><pathname type="string"></pathname><type type="string">ISO</type></drive1></controller0>
            <controller1><drive0><pathname type="string">..\..\..\etc\data_1234.avhdx</pathname><type type="string">VHD</type></drive0></controller1>
          </_83f8638b-8dca-4152-9eda-2ca8b33039b4_>
          <_aaaa_><ChannelInstanceGuid type="string">{1}</ChannelInstanceGuid><FriendlyName type="string">LAN</FriendlyName><MACAddress type="string">00155D010203</MACAddress></_aaaa_>
          <properties><name type="string">web</name><subtype type="integer">1</subtype></properties>
          <settings>
            <memory><bank><size type="integer">1024</size><dynamic_memory_enabled type="bool">True</dynamic_memory_enabled><limit type="integer">4096</limit><reservation type="integer">512</reservation></bank></memory>
            <processors><count type="integer">2</count></processors>
          </settings>
        </configuration>
        """;

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _folder = Directory.CreateTempSubdirectory("vmbus-import-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Libvirt_domain_becomes_a_definition()
    {
        ImportedPartition partition = ImportFile.Read(Write("d.xml", Domain), null);
        Assert.Equal("web-server", ImportedPartition.NameFrom(partition.Name));
        using var definition = JsonDocument.Parse(partition.ToDefinition());
        Assert.Equal(
            """{"cpus":2,"memory":"2G","maxMemory":"4G","disks":[{"path":"/images/a,b & c.qcow2","format":"qcow2","cache":"direct","bus":"virtio"},{"path":"/dev/vg/data","format":"raw","readOnly":true},{"path":"/images/cd.iso","format":"iso","readOnly":true}],"nics":[{"bridge":"br0","mac":"52:54:00:11:22:33","bus":"virtio","queues":4},{"user":true}],"noReboot":true,"restart":"on-crash"}""",
            JsonSerializer.Serialize(definition.RootElement, Relaxed));
    }

    [Fact]
    public void What_a_domain_has_and_a_partition_has_not_is_said_item_by_item()
    {
        string[] left = [.. ImportFile.Read(Write("d.xml", Domain), null).LeftOut];
        foreach (string beginning in new[]
            { "uuid:", "metadata:", "os loader:", "features:", "cpu host-passthrough:", "emulator:", "iotune of 'vda':", "bus 'scsi' of 'sda':", "cdrom 'sdc': it is empty", "disk 'vdb': its source is of the type 'network'",
              "floppy 'fda':", "interface network 52:54:00:aa:bb:cc: 'virsh net-dumpxml default' tells the bridge", "graphics vnc:", "hostdev subsystem:" })
            Assert.Single(left, line => line.StartsWith(beginning, StringComparison.Ordinal));
        Assert.Single(left, static line => line.StartsWith("controller usb:", StringComparison.Ordinal) && line.EndsWith("(2 of them)", StringComparison.Ordinal));
        Assert.DoesNotContain(left, static line => line.StartsWith("serial", StringComparison.Ordinal) || line.StartsWith("console", StringComparison.Ordinal));
    }

    [Fact]
    public void Kernel_and_console_of_a_domain_are_taken_over()
    {
        const string Direct = """
            <domain type='kvm'><name>d</name><memory>1048576</memory><vcpu>100</vcpu>
            <os><type>hvm</type><kernel>/boot/vmlinuz</kernel><initrd>/boot/initrd</initrd><cmdline>console=ttyS0 a="b"</cmdline></os>
            <devices><serial type='file'><source path='/var/log/d.log'/></serial></devices></domain>
            """;
        ImportedPartition partition = ImportFile.Read(Write("d.xml", Direct), null);
        Assert.Equal(("/boot/vmlinuz", "/boot/initrd", "console=ttyS0 a=\"b\"", "file:/var/log/d.log"), (partition.Kernel, partition.Initrd, partition.Append, partition.Console));
        Assert.Equal((64L, 1L << 30, (long?)null), (partition.Processors, partition.MemoryBytes, partition.MaximumMemoryBytes));
        Assert.Equal("processors beyond 64: there were 100", Assert.Single(partition.LeftOut));
    }

    [Fact]
    public void Hyper_v_export_gives_its_essentials_and_images_are_looked_for_beside_it()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "Virtual Machines"));
        Directory.CreateDirectory(Path.Combine(_folder, "Virtual Hard Disks"));
        File.WriteAllText(Path.Combine(_folder, "Virtual Hard Disks", "web.vhdx"), "");
        string file = Path.Combine(_folder, "Virtual Machines", "1.xml");
        File.WriteAllText(file, Configuration, Encoding.Unicode);
        ImportedPartition partition = ImportFile.Read(file, null);
        Assert.Equal(("web", 2L, 1L << 30, 4L << 30), (partition.Name, partition.Processors, partition.MemoryBytes, partition.MaximumMemoryBytes));
        // A path of the file leads to no other folder of this host than that of the images.
        Assert.Equal(
            [Path.Combine(_folder, "Virtual Hard Disks", "web.vhdx"), Path.Combine(_folder, "Virtual Hard Disks", "data_1234.avhdx")], partition.Disks.Select(static disk => disk.Path));
        Assert.All(partition.Disks, static disk => Assert.Equal("vhdx", disk.Format));
        string[] left = [.. partition.LeftOut];
        Assert.Contains("firmware of generation 2: there is no UEFI and no secure boot", left);
        Assert.Contains(left, static line => line.StartsWith("least memory: 512 MiB", StringComparison.Ordinal));
        Assert.Contains("empty DVD drive: a drive is there when it has a disc", left);
        Assert.Contains(left, static line => line.Contains("data_1234.avhdx' is not there: copy the file", StringComparison.Ordinal));
        Assert.Contains(left, static line => line.StartsWith("base of 'data_1234.avhdx'", StringComparison.Ordinal));
        Assert.Contains(left, static line => line.Contains("\"mac\": \"00:15:5D:01:02:03\"", StringComparison.Ordinal));
        Assert.Equal(6, left.Length);
    }

    [Fact]
    public void Binary_configuration_is_refused_with_what_to_do()
        => Assert.Contains("'Get-VMHardDiskDrive' the VHDX files", Refusal("web.vmcx", "\u0001\u0002"), StringComparison.Ordinal);

    [Theory]
    [InlineData("<!DOCTYPE domain [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&a;</name></domain>", "remove <!DOCTYPE")]
    [InlineData("<!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><domain><name>&b;</name></domain>", "remove <!DOCTYPE")]
    [InlineData("<domain><name>&undefined;</name></domain>", "it is no XML")]
    [InlineData("<domain><name>", "it is no XML")]
    [InlineData("", "it is no XML")]
    [InlineData("{\"kernel\":\"/k\"}", "it is no XML")]
    [InlineData("<network><name>default</name></network>", "its root is <network>")]
    [InlineData("<domain><\name>x</name></domain>", "it is no XML")]
    [InlineData("<domain\u0085/>", "it is no XML")]
    public void What_is_no_such_file_is_refused_in_one_line(string text, string problem)
    {
        string refusal = Refusal("f.xml", text);
        Assert.Contains(problem, refusal, StringComparison.Ordinal);
        Assert.DoesNotContain(refusal, char.IsControl);
    }

    [Fact]
    public void File_without_end_is_not_read_to_its_end()
        => Assert.Contains("is longer than", Refusal("f.xml", "<domain>" + new string(' ', ImportFile.MaximumBytes)), StringComparison.Ordinal);

    [Fact]
    public void Deep_file_ends_nothing()
        => Assert.Empty(ImportFile.Read(Write("deep.xml", "<domain><devices/>" + string.Concat(Enumerable.Repeat("<a>", 50_000)) + string.Concat(Enumerable.Repeat("</a>", 50_000)) + "</domain>"), null).Disks);

    [Theory]
    [InlineData("<domain><name>x", "</name></domain>")]
    [InlineData("<configuration><properties><name>x", "</name></properties></configuration>")]
    public void Text_that_is_asked_for_and_has_elements_without_end_in_it_ends_nothing(string before, string after)
    {
        const int Depth = 120_000;
        string text = before + string.Concat(Enumerable.Repeat("<a>", Depth)) + string.Concat(Enumerable.Repeat("</a>", Depth)) + after;
        Assert.Equal("x", ImportFile.Read(Write("deep.xml", text), null).Name);
    }

    [Fact]
    public void Words_of_the_file_cannot_move_the_readers_cursor_and_numbers_out_of_range_are_not_taken()
    {
        string text = "<domain><name>../../etc</name><memory unit='TiB'>99999999999</memory><vcpu>-3</vcpu><devices><disk device='&#10;disk x'><target dev='" + new string('y', 5000) + "'/></disk></devices></domain>";
        ImportedPartition partition = ImportFile.Read(Write("d.xml", text), null);
        Assert.Equal(("etc", 1L, null), (ImportedPartition.NameFrom(partition.Name).TrimStart('-', '.'), partition.Processors, partition.MemoryBytes));
        Assert.All(partition.LeftOut, static line =>
        {
            Assert.InRange(line.Length, 0, 400);
            Assert.DoesNotContain(line, char.IsControl);
        });
    }

    private string Refusal(string name, string text)
    {
        string path = Write(name, text);
        return Assert.Throws<ImportException>(() => ImportFile.Read(path, null)).Message;
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
