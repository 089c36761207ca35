<?php
// Marks typed answers with the classes of Moodle's question type `formulas`, outside of Moodle:
//   php formulas.php SOURCE QUESTION.xml TYPED.json
// SOURCE is a copy of the plugin, TYPED a list of hand-ins, each a list of texts for every part.
namespace {
    [, $source, $question, $typed] = $argv;
    define('MOODLE_INTERNAL', 1);
    define('PARAM_RAW', 1);
    function get_string($id, $component = '', $more = null) { return $id . ' ' . json_encode($more); }
    function get_config($plugin, $name = null) { return false; }
    class core_text {
        public static function __callStatic($name, $words) { return ('mb_' . $name)(...$words); }
    }
    class qtype_formulas {
        const ANSWER_TYPE_NUMBER = 0;
        const ANSWER_TYPE_NUMERIC = 10;
        const ANSWER_TYPE_NUMERICAL_FORMULA = 100;
        const ANSWER_TYPE_ALGEBRAIC = 1000;
        const MAX_LIST_SIZE = 1000;
    }
    $CFG = new stdClass();
    $CFG->dirroot = sys_get_temp_dir() . '/moodle-' . getmypid();
    foreach (['type/formulas/question', 'type/formulas/questiontype', 'type/formulas/answer_unit',
              'type/formulas/conversion_rules', 'behaviour/adaptivemultipart/behaviour'] as $name) {
        @mkdir(dirname("$CFG->dirroot/question/$name"), 0777, true);
        file_put_contents("$CFG->dirroot/question/$name.php", '<?php');
    }
    spl_autoload_register(function ($class) use ($source) {
        global $CFG;
        $parts = explode('\\', $class);
        if ($parts[0] === 'qtype_formulas') {
            require_once $source . '/classes/local/' . end($parts) . '.php';
        }
    });
    require_once $source . '/answer_unit.php';
    require_once $source . '/conversion_rules.php';

    $fields = ['placeholder', 'answermark', 'answertype', 'numbox', 'vars1', 'answer', 'vars2',
               'answernotunique', 'correctness', 'unitpenalty', 'postunit', 'ruleid', 'otherrule'];
    $marks = [];
    foreach (simplexml_load_file($question)->question->answers as $answer) {
        $part = new qtype_formulas\local\formulas_part();
        $part->partindex = (int) $answer->partindex->text;
        foreach ($fields as $field) {
            $answer->$field->text !== null or exit("there is no $field\n");
            $part->$field = (string) $answer->$field->text;
        }
        $boxes = qtype_formulas\local\formulas_part::scan_for_answer_boxes((string) $answer->subqtext->text);
        count($boxes) === $part->numbox or exit("part $part->partindex has other boxes\n");
        $own = [];
        foreach (json_decode(file_get_contents($typed), true) as $sheet) {
            $response = [];
            foreach ($sheet[$part->partindex] as $place => $text) {
                $response["{$part->partindex}_$place"] = $text;
            }
            $part->evaluator = new qtype_formulas\local\evaluator();
            $own[] = $part->grade($response)['answer'];
        }
        $marks[] = $own;
    }
    echo json_encode($marks), "\n";
}
