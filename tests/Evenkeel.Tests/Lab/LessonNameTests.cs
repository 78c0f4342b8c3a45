using Evenkeel.Lab.Claims;
using Evenkeel.Lab.Experiments;
using Xunit;

namespace Evenkeel.Tests.Lab;

public sealed class LessonNameTests
{
    [Fact]
    public void Every_item_that_is_named_belongs_to_a_lesson()
    {
        string[] items =
        [
            .. ExperimentCatalog.All.Select(experiment => experiment.Lesson),
            .. ClaimCatalog.All.SelectMany(claim => LessonName.Items(claim.Lesson)),
        ];
        Assert.All(items, item => Assert.Equal(item[0], LessonName.Of(item).Letter));
        Assert.Throws<ArgumentException>(() => LessonName.Of("X1"));
    }

    [Fact]
    public void Items_are_read_from_a_list() => Assert.Equal(["A2", "D7", "K9"], LessonName.Items("A2, D7,K9"));

    [Fact]
    public void Every_lesson_has_its_page() =>
        Assert.All(LessonName.All, lesson => Assert.True(File.Exists(Path.Combine(Root(), lesson.Page)), lesson.Page));

    private static string Root()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "Evenkeel.slnx")))
            root = Path.GetDirectoryName(root);
        Assert.SkipWhen(root is null, "the tests run outside the repository");
        return root!;
    }
}
