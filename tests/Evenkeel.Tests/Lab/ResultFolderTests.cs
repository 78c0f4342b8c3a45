using Evenkeel.Lab;
using Evenkeel.Lab.Reports;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class ResultFolderTests
{
    [Fact]
    public void A_failure_in_the_middle_leaves_the_old_file_and_nothing_else()
    {
        string folder = Directory.CreateTempSubdirectory("evenkeel-results-").FullName;
        try
        {
            string path = Path.Combine(folder, "deep-net.json");
            ResultFolder.WriteWhole(path, file => file.Write("old"u8));
            LabException failure = Assert.Throws<LabException>(() => ResultFolder.WriteWhole(path, file =>
            {
                file.Write("half"u8);
                throw new IOException("No space left on device");
            }));
            Assert.Contains("No space left on device", failure.Message, StringComparison.Ordinal);
            Assert.Equal("old", File.ReadAllText(path));
            Assert.Single(Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
