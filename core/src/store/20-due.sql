-- Each commit asks for whom an alarm is due; nearly always it is nobody.
CREATE INDEX member_due ON member (due) WHERE due != 0;
