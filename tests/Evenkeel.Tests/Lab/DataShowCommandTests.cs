using Evenkeel.Data;
using Evenkeel.Images;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class DataShowCommandTests
{
    [Theory]
    [InlineData("synthetic-fashion --count 3", "synthetic fashion train", 896)]
    [InlineData("synthetic-cifar --classes circle,5 --count 4", "synthetic train", 216)]
    public void A_sheet_has_a_row_for_each_class(string arguments, string title, int height)
    {
        using LabProcess lab = LabProcess.Run(["data", "show", .. arguments.Split(' '), "--out", "a.png"]);
        Assert.Equal((0, ""), (lab.Process.ExitCode, lab.Error));
        Assert.Contains($"a.png: {title}", lab.Output, StringComparison.Ordinal);
        Assert.Equal(height, ImageFile.Read(lab.PathOf("a.png")).Height);
    }

    [Fact]
    public void Near_duplicates_are_listed_and_drawn()
    {
        using LabProcess lab = LabProcess.Run("data", "show", "synthetic-banknotes", "--groups");
        Assert.Equal(0, lab.Process.ExitCode);
        Assert.StartsWith("260 pictures in ", lab.Output, StringComparison.Ordinal);
        Assert.Contains("0, 1", lab.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(lab.PathOf("sheet.png")));
    }

    [Fact]
    public void A_folder_of_class_folders_is_shown()
    {
        using var folder = new Serialization.TempFolder();
        foreach (string name in new[] { "b", "a" })
        {
            Directory.CreateDirectory(Path.Combine(folder.Path, name));
            ImageFile.WritePng(Path.Combine(folder.Path, name, "1.png"), new ByteImage(new byte[300], 3, 10, 10));
        }

        string sheet = Path.Combine(folder.Path, "sheet.png");
        using LabProcess lab = LabProcess.Run("data", "show", folder.Path, "--out", sheet);
        Assert.Equal((0, ""), (lab.Process.ExitCode, lab.Error));
        Assert.Equal(8 + 2 * 94 + 8, ImageFile.Read(sheet).Height);
    }

    [Fact]
    public void Pictures_that_cannot_be_decoded_are_named_or_left_out_and_counted()
    {
        using var folder = new Serialization.TempFolder();
        Directory.CreateDirectory(Path.Combine(folder.Path, "notes", "a"));
        ImageFile.WritePng(Path.Combine(folder.Path, "notes", "a", "2.png"), new ByteImage(new byte[300], 3, 10, 10));
        File.WriteAllText(Path.Combine(folder.Path, "notes", "a", "1.png"), "no picture");
        string sheet = Path.Combine(folder.Path, "sheet.png"),
            set = Path.Combine(folder.Path, "notes") + Path.DirectorySeparatorChar;
        using LabProcess strict = LabProcess.Run("data", "show", set, "--out", sheet);
        Assert.Equal(1, strict.Process.ExitCode);
        Assert.Contains("1.png\" cannot be decoded", strict.Error, StringComparison.Ordinal);
        Assert.Contains("--skip-bad skips such files", strict.Error, StringComparison.Ordinal);
        using LabProcess lenient = LabProcess.Run("data", "show", set, "--out", sheet, "--skip-bad", "--count", "1");
        Assert.Equal((0, "1 picture skipped, cannot be decoded: 1.\n"), (lenient.Process.ExitCode, lenient.Error));
        Assert.StartsWith($"{sheet}: notes, ", lenient.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nope", 2, "unknown set 'nope'. It can be synthetic-fashion")]
    [InlineData("synthetic-fashoin", 2, "Did you mean synthetic-fashion?")]
    [InlineData("synthetic-fashion --classes bags", 2, "got bags. Did you mean Bag?")]
    [InlineData("synthetic-cifar --classes ,", 2, "--classes: expected names or numbers of ")]
    [InlineData("synthetic-fashion --count 0", 2, "--count: expected a whole number from 1 to 1000, got 0.")]
    [InlineData("fashion-mnist", 1, "found none. Give the folder, or show synthetic-fashion.")]
    [InlineData("synthetic-cifar --out missing/sheet.png", 1, "missing/sheet.png")]
    [InlineData(".", 1, "expected a folder with one folder of pictures per class")]
    public void What_cannot_be_shown_is_said_in_one_line(string arguments, int code, string expected)
    {
        using LabProcess lab = LabProcess.Run(["data", "show", .. arguments.Split(' ')]);
        Assert.Equal(code, lab.Process.ExitCode);
        Assert.Contains(expected, lab.Error, StringComparison.Ordinal);
        Assert.Single(lab.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
