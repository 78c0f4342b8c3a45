using Evenkeel.Cli.Terminal;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class TextTableTests
{
    [Fact]
    public void Columns_align_and_text_wraps_at_80_columns()
    {
        var table = new TextTable("", "experiment", "what it looks at", "measured", "claims").Wrap(2, 3).Right(4);
        table.Add("ok", "deep-net", "A six-layer net with and without batch norm",
            "training accuracy 0.788 with, 0.601 without batch norm", "1/1");
        table.Add("ok", "batchnorm-forward",
            "Means and stds before and after batch norm", "15 of 15 printed numbers, to every digit", "12/12");
        string text = string.Join('\n', table.Lines(80, Ink.Plain, indent: ""));
        Assert.Equal("""
                experiment         what it looks at         measured                  claims
                -----------------  -----------------------  ------------------------  ------
            ok  deep-net           A six-layer net with     training accuracy 0.788      1/1
                                   and without batch norm   with, 0.601 without
                                                            batch norm
            ok  batchnorm-forward  Means and stds before    15 of 15 printed           12/12
                                   and after batch norm     numbers, to every digit
            """.ReplaceLineEndings("\n"), text);
    }

    [Fact]
    public void Colour_takes_no_room() => Assert.Equal(4, TextTable.Width("\e[1mdeep\e[0m"));
}
